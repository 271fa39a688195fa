"""A preference, or choices people made, turned into one merged policy: what ``rsoup pick`` does.

It writes ``pick.json``, the λ and why, and the merged weights: ``policy.safetensors``, an adapter where experts are
adapters, and a whole pipeline where diffusers wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

<<<<<<< HEAD
from rsoup_lightning.errors import ConfigError, RunFolderError
from rsoup_lightning.files import atomic_output, read_json, user_path, write_json
from rsoup_lightning.front.chosen import Chosen, choose, measured_front
from rsoup_lightning.front.record import read_record
=======
import numpy as np
from jsonargparse import ArgumentParser
from numpy.typing import NDArray

from rsoup_lightning.errors import ConfigError, FrontError, RunFolderError
from rsoup_lightning.files import atomic_output, read_json, user_path, write_json, write_text
from rsoup_lightning.front.choices import Learnt, choice_differences, learn_preference
from rsoup_lightning.front.geometry import FlatBoxError, normalise
from rsoup_lightning.front.preferences import Pick, best_coefficients, corners
from rsoup_lightning.front.record import read_record
from rsoup_lightning.run.parsing import parse
from rsoup_lightning.simplex import check_preference

Array = NDArray[np.float64]

RECIPE = "recipe.yaml"
"""What tells how the policy beside it is built."""

DESCRIPTION = """The policy for a preference, without training: finds the λ of highest utility on a run's front and
merges its experts there. Utility is the μ-weighted sum of the rewards, each scaled so that 0 is the worst expert's
score and 1 the best one's, as rewards have different units. Between evaluated λ a quadratic is fitted to the scores."""
>>>>>>> b64cce6 (LoRA experts are put side by side once; Soup, Front and load play a run from Python)


def pick(
    run: str | Path,
    output: str | Path,
    *,
    preference: Mapping[str, float] | None = None,
    choices: str | Path | None = None,
    seed: int | None = None,
    overwrite: bool = False,
) -> Chosen:
    """Find the λ of highest utility on a run's front, and merge its experts there.

    Args:
        run: folder of a run of ``rsoup soup``, with front.json and experts.
        output: new folder for the merged weights and pick.json.
        preference: μ, reward to weight; they sum to one.
        choices: instead of μ, a JSON file to learn it from, see :func:`front.choices.choice_differences`.
        seed: whose experts to merge, of a run with several seeds (default: the first).
        overwrite: replace an earlier pick in ``output``.

    Raises:
        RSoupError: no run to read, a bad preference, choices that say nothing, an output that is taken.

    Returns:
        What was chosen: ``coefficients``, ``reason``, and ``record()`` as pick.json has it.
    """
    if (preference is None) == (choices is None):
        raise ConfigError("say what you prefer with one of --preference '{reward: weight, ...}' and --choices FILE")
<<<<<<< HEAD
    run, output = user_path(str(run)), user_path(str(output))
    check_pick_output(output, overwrite=overwrite)
    front = measured_front(read_record(run / "front.json"), run / "front.json")
    seed, experts = experts_folder(run, seed)
    read = None
    if choices is not None:
        read = read_json(user_path(str(choices)), "it should be a list of choices; see rsoup pick --help")
    chosen = choose(front, preference, read)
    with atomic_output(output, overwrite=overwrite) as temporary:
        _write_weights(temporary, {name: experts / name for name in front.experts}, chosen)
        write_json(temporary / "pick.json", {"schema": 1, "run": str(run), "seed": seed, **chosen.record()})
    return chosen
=======
    run, output = user_path(options.run), user_path(options.output)
    check_output(output, overwrite=options.overwrite)
    front = read_front(run / "front.json")
    seed, experts = experts_folder(run, options.seed)
    learnt = None
    if options.preference is None:
        choices = read_json(user_path(options.choices), "it should be a list of choices; see rsoup pick --help")
        learnt = learn_preference(choice_differences(choices, front.everything))
    given = _named(front.rewards, learnt.preference) if learnt else options.preference
    preference = check_preference(given, front.rewards)
    chosen = best_coefficients(
        front.coefficients,
        front.scores,
        front.standard_errors,
        list(preference.values()),
        degrees_of_freedom=front.degrees_of_freedom,
    )
    origin = {"task": front.task, "run": str(run), "seed": seed, "preference": preference}
    with atomic_output(output, overwrite=options.overwrite) as temporary:
        _write_weights(temporary, experts, front.experts, chosen)
        write_text(temporary / RECIPE, (experts.parent / "config.yaml").read_text(encoding="utf-8"))
        write_json(temporary / "pick.json", {"schema": 1, **origin, **_record(front, chosen, learnt)})
    print(_because(front, chosen, learnt))
    print(f"wrote {output}: {', '.join(sorted(entry.name for entry in output.iterdir()))}")
    return 0


def read_front(file: Path) -> Front:
    """The merges of a front.json.

    Raises:
        RunFolderError: it is missing, or no JSON.
        FrontError: it is damaged or of another schema, or has merges without standard errors.
        FlatBoxError: a reward on which all experts score the same.
    """
    record = read_record(file)
    rewards, experts, freedom = (record[key] for key in ("rewards", "experts", "degrees_of_freedom"))
    everything = np.array([[point["scores"][name] for name in rewards] for point in record["points"]], float)
    kinds = {"expert", "soup"}
    merges = {i: p for i, p in enumerate(record["points"]) if p["kind"] in kinds and p["method"] == "linear"}
    places = np.array([[point["coefficients"][name] for name in experts] for point in merges.values()], float)
    errors = np.array([[point["standard_errors"][name] for name in rewards] for point in merges.values()], float)
    index = list(merges)
    if not freedom or np.isnan(errors).any():
        cure = "evaluate the experts on two entries or more with rsoup soup or SoupCallback"
        raise FrontError(f"{file} has scores without a standard error, by which pick weighs points: {cure}")
    box = everything[index][corners(places)]
    flat = [name for name, size in zip(rewards, np.ptp(box, axis=0), strict=True) if size == 0]
    if flat:
        raise FlatBoxError(f"all experts of {file} score the same on {', '.join(flat)}: no λ trades that reward")
    unit = normalise(everything, box)
    return Front(record["task"], rewards, experts, index, places, everything[index], errors, freedom, unit)
>>>>>>> b64cce6 (LoRA experts are put side by side once; Soup, Front and load play a run from Python)


def experts_folder(run: Path, seed: int | None) -> tuple[int | None, Path]:
    """Whose experts to merge: the run's own, or one seed's of several (default the first); the seed if several.

    Raises:
        ConfigError: a seed that the run does not have.
        RunFolderError: no run.json, or one without seeds.
    """
    if (run / "experts").is_dir():
        if seed is not None:
            raise ConfigError(f"{run} is the run of one seed: leave --seed {seed} out")
        return None, run / "experts"
    record = read_json(run / "run.json", "give the folder of a run of rsoup soup")
    seeds = record.get("seeds") if isinstance(record, dict) else None
    if not isinstance(seeds, list):
        raise RunFolderError(f"{run / 'run.json'} lists no seeds: give the folder of a run of rsoup soup")
    chosen = seed if seed is not None else next(iter(seeds), None)
    if chosen is None or chosen not in seeds:
        known = ", ".join(map(str, seeds)) or "none"
        raise ConfigError(f"{run} has no experts of seed {chosen}: its seeds are {known}")
    return chosen, run / f"seed-{chosen}" / "experts"


def check_pick_output(output: Path, *, overwrite: bool) -> None:
    """Require that ``output`` is free, or with ``overwrite`` that it holds an earlier pick.

    Raises:
        ConfigError: it is neither.
    """
    if output.is_file() or (output.is_dir() and any(output.iterdir()) and not (output / "pick.json").is_file()):
        raise ConfigError(f"{output} holds something other than a pick: choose another --output")
    if (output / "pick.json").is_file() and not overwrite:
        raise ConfigError(f"{output} holds an earlier pick: choose another --output, or replace it with --overwrite")


def _write_weights(output: Path, experts: Mapping[str, Path], chosen: Chosen) -> None:
    from rsoup_lightning.merging import linear, read_weights, write_weights
    from rsoup_lightning.merging.adapters.write_adapter import is_adapter
    from rsoup_lightning.merging.disk.stored_expert import is_pipeline
    from rsoup_lightning.merging.on_disk import merge, merge_adapters  # these bring in torch

    places, weights = list(experts.values()), list(chosen.coefficients.values())
    if all(map(is_adapter, places)):  # whose averaged factors would be another policy
        merge_adapters([str(place) for place in places], str(output), weights)
        return
    if all(map(is_pipeline, places)):
        merge([str(place) for place in places], str(output), weights)
        return
    write_weights(output, linear([read_weights(place) for place in places], weights, names=list(experts)))
