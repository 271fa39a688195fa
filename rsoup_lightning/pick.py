"""``rsoup pick``: a user's preference, or choices they made, turned into one merged policy.

It writes ``pick.json``, the λ and why, and ``policy.safetensors``, the merged weights: an adapter where experts are
adapters, and a whole pipeline where diffusers wrote them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import ArgumentError, ArgumentParser
from numpy.typing import NDArray

from rsoup_lightning.errors import ConfigError, RunFolderError
from rsoup_lightning.files import atomic_output, write_json
from rsoup_lightning.fronts import FlatBoxError, normalise
from rsoup_lightning.preferences import QUANTILE, ChoicesError, Learnt, Pick, best_coefficients, learn_preference
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
        sd: ``[P, R]`` standard deviations of the means, from the width of their intervals.
        everything: ``[Q, R]`` normalised mean scores of all points, MORL and init among them.
    """

    task: str
    rewards: list[str]
    experts: list[str]
    index: list[int]
    coefficients: Array
    scores: Array
    sd: Array
    everything: Array


def pick(arguments: list[str]) -> int:
    """``rsoup pick``; returns the exit status.

    Raises:
        RSoupError: no run to read, a bad preference, choices that say nothing, an output that is taken.
    """
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except ArgumentError as error:
        raise ConfigError(str(error)) from error
    if (options.preference is None) == (options.choices is None):
        raise ConfigError("say what you prefer with one of --preference '{reward: weight, ...}' and --choices FILE")
    run, output = Path(options.run), Path(options.output)
    check_output(output, overwrite=options.overwrite)
    front = read_front(run / "front.json")
    seed, experts = experts_folder(run, options.seed)
    learnt = None
    if options.preference is None:
        choices = _read_json(Path(options.choices), "it should be a list of choices; see rsoup pick --help")
        learnt = learn_preference(choice_differences(choices, front.everything))
    given = _named(front.rewards, learnt.preference) if learnt else options.preference
    preference = check_preference(given, front.rewards)
    chosen = best_coefficients(front.coefficients, front.scores, front.sd, list(preference.values()))
    origin = {"task": front.task, "run": str(run), "seed": seed, "preference": preference}
    with atomic_output(output, overwrite=options.overwrite) as temporary:
        _write_weights(temporary, experts, front.experts, chosen)
        write_json(temporary / "pick.json", {"schema": 1, **origin, **_record(front, chosen, learnt)})
    print(_because(front, chosen, learnt))
    print(f"wrote {output / 'policy.safetensors'}")
    return 0


def read_front(file: Path) -> Front:
    """The merges of a front.json.

    Raises:
        RunFolderError: it is not there or not as ``rsoup soup`` writes it.
        FlatBoxError: a reward on which all experts score the same.
    """
    cure = "give the folder of a run that rsoup soup has completed"
    record = _read_json(file, cure)
    try:
        rewards, experts, points = list(record["rewards"]), list(record["experts"]), record["points"]
        merges = {i: p for i, p in enumerate(points) if p["kind"] in ("expert", "soup") and p["method"] == "linear"}
        places = np.array([[p["coefficients"].get(name, 0.0) for name in experts] for p in merges.values()], float)
        limits = np.array([[p["ci95"][name] for name in rewards] for p in merges.values()], float)
        if record["schema"] != 1 or not np.isfinite(limits).all():
            raise ValueError("another schema than 1, or an interval that is not finite")
        everything = np.array([[p["scores"][name] for name in rewards] for p in points], float)
        corners = [list(merges)[np.flatnonzero(column == 1)[0]] for column in places.T]
        flat = [name for name, size in zip(rewards, np.ptp(everything[corners], axis=0), strict=True) if size == 0]
        if flat:
            raise FlatBoxError(f"all experts of {file} score the same on {', '.join(flat)}: no λ trades that reward")
        index, sd = list(merges), np.diff(limits)[..., 0] / (2 * QUANTILE)
        box = normalise(everything, everything[corners])
        return Front(record["task"], rewards, experts, index, places, everything[index], sd, box)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise RunFolderError(f"{file} is no whole front ({type(error).__name__}: {error}): {cure}") from error


def experts_folder(run: Path, seed: int | None) -> tuple[int | None, Path]:
    """Whose experts to merge: the run's own, or one seed's of several (default the first); the seed if several.

    Raises:
        ConfigError: a seed that the run does not have.
        RunFolderError: no run.json.
    """
    if (run / "experts").is_dir():
        if seed is not None:
            raise ConfigError(f"{run} is the run of one seed: leave --seed {seed} out")
        return None, run / "experts"
    record = _read_json(run / "run.json", "give the folder of a run of rsoup soup")
    seeds = record.get("seeds", []) if isinstance(record, dict) else []
    chosen = seed if seed is not None else next(iter(seeds), None)
    if chosen is None or chosen not in seeds:
        known = ", ".join(map(str, seeds)) or "none"
        raise ConfigError(f"{run} has no experts of seed {chosen}: its seeds are {known}")
    return chosen, run / f"seed-{chosen}" / "experts"


def choice_differences(choices: Any, scores: Array) -> Array:
    """``[N, R]`` score of the preferred point minus that of the other, from ``scores [Q, R]`` of all points.

    ``choices`` are ``[{"preferred": {"point": i}, "other": {"point": k}}, ...]``: places among the points of
    front.json, whose mean scores count. Other keys, such as the sample that was looked at, are for people.

    Raises:
        ChoicesError: an empty list, or an entry (counted from 0) that is malformed or names an unknown point.
    """
    if not isinstance(choices, list) or not choices:
        raise ChoicesError('no choices: give a list of {"preferred": {"point": 3}, "other": {"point": 7}}, ...')

    def score(entry: int, side: str) -> Array:
        try:
            point = choices[entry][side]["point"]
        except (KeyError, TypeError, IndexError) as error:
            raise ChoicesError(f'entry {entry} of the choices lacks "{side}": {{"point": ...}}') from error
        if type(point) is not int or not 0 <= point < len(scores):
            raise ChoicesError(f"entry {entry} of the choices: {side} is point {point!r}, not 0 to {len(scores) - 1}")
        return scores[point]

    return np.stack([score(entry, "preferred") - score(entry, "other") for entry in range(len(choices))])


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
    parser.add_argument("--output", type=str, required=True, help="new folder for policy.safetensors and pick.json")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier pick in --output")
    seed = "whose experts to merge, of a run with several seeds (default: the first); λ is that of their mean front"
    parser.add_argument("--seed", type=int | None, default=None, help=seed)
    return parser


def _read_json(file: Path, cure: str) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"cannot read {file} ({error}): {cure}") from error


def _write_weights(output: Path, folder: Path, experts: list[str], chosen: Pick) -> None:
    from rsoup_lightning.merge import merge, merge_adapters  # these bring in torch
    from rsoup_lightning.merging import linear, read_weights, write_weights
    from rsoup_lightning.merging.adapter_output import is_adapter
    from rsoup_lightning.merging.stored import is_pipeline

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
        }

    from_choices = {}
    if learnt:
        ci95 = _named(front.rewards, learnt.ci95)
        from_choices = {"choices": learnt.choices, "ci95": ci95, "sharpness": learnt.sharpness}
    return {
        "learnt": from_choices or None,
        "coefficients": _named(front.experts, chosen.coefficients),
        "method": f"quadratic fitted to {chosen.fitted} points" if chosen.fitted else "evaluated point",
        "scores": _named(front.rewards, chosen.scores),
        "ci95": _named(front.rewards, chosen.ci95),
        "utility": chosen.utility,
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
    reason = "the best evaluated point; no fit around it promises more"
    if chosen.fitted:
        best = _written(front.experts, front.coefficients[chosen.best])
        reason = f"{chosen.gain:.2g} above the best evaluated point λ = {best}, by a fit to {chosen.fitted} points"
    place = _written(front.experts, chosen.coefficients)
    lines.append(f"λ = {place}: utility {chosen.utility:.2f} [{low:.2f}, {high:.2f}], {reason}")
    return "\n".join(lines)


def _named(names: list[str], values: Array) -> dict[str, Any]:
    return dict(zip(names, values.tolist(), strict=True))


def _written(names: list[str], values: Array) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in zip(names, values, strict=True))
