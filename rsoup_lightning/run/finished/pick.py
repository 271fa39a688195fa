"""A preference, or choices people made, turned into one merged policy: what ``rsoup pick`` does.

It writes ``pick.json``, the λ and why, ``recipe.yaml``, by which the policy is built, and the merged weights:
``policy.safetensors``, an adapter where experts are adapters, and a whole pipeline where diffusers wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import atomic_output, read_json, user_path, write_bytes, write_json
from rsoup_lightning.front.chosen import Chosen, choose, measured_front
from rsoup_lightning.front.record import mixing_of, read_front
from rsoup_lightning.run.finished.experts import experts_folder
from rsoup_lightning.simplex import LINEAR, OF_OUTPUTS, one_hot

RECIPE = "recipe.yaml"
"""What tells how the policy beside it is built."""


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
        RSoupError: no run to read, or one whose experts' outputs are mixed; a bad preference, choices that say nothing,
            an output that is taken.

    Returns:
        What was chosen: ``coefficients``, ``reason``, and ``record()`` as pick.json has it.
    """
    if (preference is None) == (choices is None):
        raise ConfigError("say what you prefer with one of --preference '{reward: weight, ...}' and --choices FILE")
    run, output = user_path(str(run)), user_path(str(output))
    check_pick_output(output, overwrite=overwrite)
    record = read_front(run)
    if (mixing := mixing_of(record)) in OF_OUTPUTS:
        raise ConfigError(
            f"the experts of {run} are mixed by {mixing}, which no merged weights play: play them with "
            "rsoup_lightning.load, rsoup explore or rsoup serve, or run the recipe with soup.method RewardedSoup"
        )
    front = measured_front(record, run / "front.json")
    seed, experts = experts_folder(run, seed)
    read = None
    if choices is not None:
        read = read_json(user_path(str(choices)), "it should be a list of choices; see rsoup pick --help")
    chosen = choose(front, preference, read)
    with atomic_output(output, overwrite=overwrite) as temporary:
        _write_weights(temporary, {name: experts / name for name in front.experts}, chosen, mixing)
        write_bytes(temporary / RECIPE, (experts.parent / "config.yaml").read_bytes())
        write_json(temporary / "pick.json", {"schema": 1, "run": str(run), "seed": seed, **chosen.record()})
    return chosen


def check_pick_output(output: Path, *, overwrite: bool) -> None:
    """Require that ``output`` is free, or with ``overwrite`` that it holds an earlier pick.

    Raises:
        ConfigError: it is neither.
    """
    if output.is_file() or (output.is_dir() and any(output.iterdir()) and not (output / "pick.json").is_file()):
        raise ConfigError(f"{output} holds something other than a pick: choose another --output")
    if (output / "pick.json").is_file() and not overwrite:
        raise ConfigError(f"{output} holds an earlier pick: choose another --output, or replace it with --overwrite")


def _write_weights(output: Path, experts: Mapping[str, Path], chosen: Chosen, mixing: str) -> None:
    from rsoup_lightning.merging import linear, read_weights, write_weights
    from rsoup_lightning.merging.adapters.formats import is_adapter
    from rsoup_lightning.merging.disk.stored_expert import is_pipeline
    from rsoup_lightning.merging.on_disk import merge
    from rsoup_lightning.run.finished.method_of_run import method_of  # these bring in torch

    places, weights = list(experts.values()), list(chosen.coefficients.values())
    extrapolate = min(weights) < 0  # as a run's method may
    if all(map(is_adapter, places)):  # whose averaged factors would be another policy
        merge(places, output, weights, extrapolate=extrapolate)
        return
    run, point = places[0].parents[1], tuple(weights)
    method = None if mixing == LINEAR or point in one_hot(len(point)) else method_of(run)  # an expert alone is itself
    if all(map(is_pipeline, places)):
        how = {"method": method.mixing, "init": str(run / method.origin), **method.options} if method else {}
        merge(places, output, weights, extrapolate=extrapolate, **how)
    read = [read_weights(place) for place in places]
    if method:
        merged = method.merged(read, point, read_weights(run / method.origin))
    else:
        merged = linear(read, weights, names=list(experts), extrapolate=extrapolate)
    write_weights(output, merged)
