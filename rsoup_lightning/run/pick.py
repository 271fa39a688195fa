"""``rsoup pick``: a user's preference, or choices they made, turned into one merged policy.

It writes ``pick.json``, the λ and why, and the merged weights: ``policy.safetensors``, an adapter where experts are
adapters, and a whole pipeline where diffusers wrote them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import ArgumentParser
from numpy.typing import NDArray

from rsoup_lightning.errors import ConfigError, FrontError, RunFolderError
from rsoup_lightning.files import atomic_output, read_json, user_path, write_json
from rsoup_lightning.front.choices import Learnt, choice_differences, learn_preference
from rsoup_lightning.front.geometry import FlatBoxError, normalise
from rsoup_lightning.front.preferences import Pick, best_coefficients, corners
from rsoup_lightning.front.record import read_record
from rsoup_lightning.run.parsing import parse
from rsoup_lightning.simplex import check_preference

Array = NDArray[np.float64]

DESCRIPTION = """The policy for a preference, without training: finds the λ of highest utility on a run's front and
merges its experts there. Utility is the μ-weighted sum of the rewards, each scaled so that 0 is the worst expert's
score and 1 the best one's, as rewards have different units. Between evaluated λ a quadratic is fitted to the scores."""


@dataclass(frozen=True)
class Front:
    """A front.json as arrays, P linear merges of E experts scored by R rewards; Q points in all.

    Attributes:
        task, rewards, experts: their names.
        index: P places of the merges among the points of front.json.
        coefficients: ``[P, E]`` λ.
        scores: ``[P, R]`` means.
        standard_errors: ``[P, R]`` of the means.
        degrees_of_freedom: of the standard errors.
        everything: ``[Q, R]`` normalised mean scores of all points, MORL and init among them.
    """

    task: str
    rewards: list[str]
    experts: list[str]
    index: list[int]
    coefficients: Array
    scores: Array
    standard_errors: Array
    degrees_of_freedom: int
    everything: Array


def pick(arguments: list[str]) -> int:
    """``rsoup pick``; returns the exit status.

    Raises:
        RSoupError: no run to read, a bad preference, choices that say nothing, an output that is taken.
    """
    options = parse(_parser(), arguments)
    if (options.preference is None) == (options.choices is None):
        raise ConfigError("say what you prefer with one of --preference '{reward: weight, ...}' and --choices FILE")
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


def check_output(output: Path, *, overwrite: bool) -> None:
    """Require that ``output`` is free, or with ``overwrite`` that it holds an earlier pick.

    Raises:
        ConfigError: it is neither.
    """
    if output.is_file() or (output.is_dir() and any(output.iterdir()) and not (output / "pick.json").is_file()):
        raise ConfigError(f"{output} holds something other than a pick: choose another --output")
    if (output / "pick.json").is_file() and not overwrite:
        raise ConfigError(f"{output} holds an earlier pick: choose another --output, or replace it with --overwrite")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="rsoup pick", description=DESCRIPTION, exit_on_error=False)
    parser.add_argument("run", type=str, help="run folder of rsoup soup, with front.json and experts/")
    mu = "μ: weights of rewards that sum to one, such as '{risky: 0.7, cautious: 0.3}'"
    parser.add_argument("--preference", type=dict[str, float] | None, default=None, help=mu)
    choices = """instead of μ, a JSON file to learn it from: [{"preferred": {"point": 3}, "other": {"point": 7}}, ...],
    each number a place (from 0) among the points of front.json"""
    parser.add_argument("--choices", type=str | None, default=None, help=choices)
    parser.add_argument("--output", type=str, required=True, help="new folder for the merged weights and pick.json")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier pick in --output")
    seed = "whose experts to merge, of a run with several seeds (default: the first); λ is that of their mean front"
    parser.add_argument("--seed", type=int | None, default=None, help=seed)
    return parser


def _write_weights(output: Path, folder: Path, experts: list[str], chosen: Pick) -> None:
    from rsoup_lightning.merging import linear, read_weights, write_weights
    from rsoup_lightning.merging.adapters.write_adapter import is_adapter
    from rsoup_lightning.merging.disk.stored_expert import is_pipeline
    from rsoup_lightning.merging.on_disk import merge, merge_adapters  # these bring in torch

    folders = [folder / name for name in experts]
    if all(map(is_adapter, folders)):  # whose averaged factors would be another policy
        merge_adapters([str(place) for place in folders], str(output), chosen.coefficients.tolist())
        return
    if all(map(is_pipeline, folders)):
        merge([str(place) for place in folders], str(output), chosen.coefficients.tolist())
        return
    weights = [read_weights(place) for place in folders]
    merged = linear(weights, chosen.coefficients.tolist(), names=experts)
    write_weights(output, merged)


def _record(front: Front, chosen: Pick, learnt: Learnt | None) -> dict[str, Any]:
    """The part of pick.json that was found."""

    def evaluated(merge: int) -> dict[str, Any]:
        return {
            "point": front.index[merge],
            "coefficients": _named(front.experts, front.coefficients[merge]),
            "scores": _named(front.rewards, front.scores[merge]),
            "utility": float(chosen.measured[merge]),
            "fitted_utility": None if chosen.predicted is None else float(chosen.predicted[merge]),
        }

    from_choices = {}
    if learnt:
        from_choices = {
            "choices": learnt.choices,
            "standard_errors": _named(front.rewards, learnt.standard_errors),
            "ci95": _named(front.rewards, learnt.ci95),
            "sharpness": learnt.sharpness,
        }
    return {
        "learnt": from_choices or None,
        "coefficients": _named(front.experts, chosen.coefficients),
        "method": f"quadratic fitted to {chosen.fitted} points" if chosen.fitted else "evaluated point",
        "scores": _named(front.rewards, chosen.scores),
        "standard_errors": _named(front.rewards, chosen.standard_errors),
        "ci95": _named(front.rewards, chosen.ci95),
        "utility": chosen.utility,
        "utility_standard_error": chosen.utility_standard_error,
        "utility_ci95": chosen.utility_ci95.tolist(),
        "gain": chosen.gain,
        "nearest": evaluated(chosen.nearest),
        "best": evaluated(chosen.best),
    }


def _because(front: Front, chosen: Pick, learnt: Learnt | None) -> str:
    lines = []
    if learnt:
        spread = zip(front.rewards, learnt.preference, learnt.ci95, strict=True)
        mu = ", ".join(f"{name} {weight:.2f} [{low:.2f}, {high:.2f}]" for name, weight, (low, high) in spread)
        lines.append(f"μ = {mu}, learnt from {learnt.choices} choices")
    low, high = chosen.utility_ci95
    reason = "as measured there, at the best evaluated point; no fit around it promises more"
    if chosen.predicted is not None:
        best, fitted = _written(front.experts, front.coefficients[chosen.best]), chosen.predicted[chosen.best]
        reason = (
            f"by a fit to {chosen.fitted} points; it is {chosen.gain:.2g} above the best evaluated point λ = {best}, "
            f"which has {fitted:.3f} by the same fit ({chosen.measured[chosen.best]:.3f} as measured)"
        )
    place = _written(front.experts, chosen.coefficients)
    lines.append(f"λ = {place}: utility {chosen.utility:.3f} [{low:.3f}, {high:.3f}], {reason}")
    return "\n".join(lines)


def _named(names: list[str], values: Array) -> dict[str, Any]:
    return dict(zip(names, values.tolist(), strict=True))


def _written(names: list[str], values: Array) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in zip(names, values, strict=True))
