"""What an experiment found: evaluated points, their summary, and the content of ``front.json``.

Notation: R rewards, E experts, S completions of the evaluation (paired: the same prompts or seeds for every point).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rsoup_lightning.errors import CoefficientError, FrontError, UnknownNameError
from rsoup_lightning.front import geometry as fronts
from rsoup_lightning.front.collapse import collapsed
from rsoup_lightning.front.intervals import TAILS, bootstrap_interval, bootstrap_means, standard_error
from rsoup_lightning.front.record import SCHEMA, Record
from rsoup_lightning.simplex import LINEAR, check_coefficients, one_hot

Kind = Literal["init", "expert", "soup", "morl"]
Array = NDArray[np.float64]
RESAMPLES = 1000  # behind every bootstrap interval


@dataclass(frozen=True)
class Point:
    """One evaluated policy.

    Attributes:
        kind: what it is.
        coefficients: λ per expert, or None where it is no merge of experts.
        preference: μ it was trained on, or None where it was not trained on one.
        scores: ``{reward: [S]}`` scores per completion.
        method: how its experts are mixed.
    """

    kind: Kind
    coefficients: dict[str, float] | None
    preference: dict[str, float] | None
    scores: dict[str, Array]
    method: str = LINEAR

    def record(self) -> Record:
        """As an entry of ``points`` in front.json."""
        return {
            "kind": self.kind,
            "coefficients": self.coefficients,
            "preference": self.preference,
            **estimates(self.scores, bootstrap_interval),
            "completions": len(next(iter(self.scores.values()))),
            "method": self.method,
        }


def front_record(
    task: str,
    rewards: Sequence[str],
    points: Sequence[Point],
    *,
    experts: Sequence[str] | None = None,
    reference_point: Mapping[str, float] | None,
    training_cost: Mapping[str, int],
    guards: Sequence[str] = (),
    limits: Mapping[str, float] | None = None,
) -> Record:
    """Everything in front.json.

    Each score and hypervolume has a 95 % interval (``ci95``) and a standard error, over the evaluation entries and with
    ``degrees_of_freedom``; both are None for a single entry.

    Args:
        task: its name.
        rewards: R names of those that span this front.
        points: what was evaluated; its kind "expert" entries are the one-hot ones.
        reference_point: of the raw hypervolume; None takes the nadir of all points.
        experts: E names of them; None: one per reward, named after it.
        training_cost: steps taken by soup and MORL training.
        guards: rewards that are only watched: points say by which of them they have collapsed, if init is among them.
        limits: reward to what its mean should not fall below: points say which of them they break. A guard with a limit
            is judged by that alone.
    """
    names = list(experts or rewards)
    init = next((point.scores for point in points if point.kind == "init"), None)
    limits = limits or {}
    unlimited = [name for name in guards if name not in limits]
    return {
        "schema": SCHEMA,
        "task": task,
        "rewards": list(rewards),
        "experts": names,
        "degrees_of_freedom": len(points[0].scores[rewards[0]]) - 1,
        "limits": dict(limits),
        "points": [
            {
                **point.record(),
                "collapsed": collapsed(point.scores, init, unlimited) if init else [],
                "broken": [name for name, limit in limits.items() if point.scores[name].mean() < limit],
            }
            for point in points
        ],
        "summary": summarise(points, rewards, names, reference_point=reference_point, training_cost=training_cost),
    }


def record_of(
    task: str, experts: Sequence[str], coefficients: Sequence[Sequence[float]], scores: Mapping[str, ArrayLike]
) -> Record:
    """The record of a front whose mean scores are already known: published ones, or somebody's own sweep.

    Means have no completions behind them: nothing has an interval, and LMC is counted on the means alone.

    Args:
        task: what to call it.
        experts: E names of experts, each the reward it was trained on.
        coefficients: ``[P, E]`` λ of each point; each expert's own one-hot λ must be there.
        scores: ``{reward: [P]}`` mean scores, of the experts' rewards and of any others to show.

    Raises:
        CoefficientError: a λ of the wrong length, no point for some expert, or not one score per λ.
        UnknownNameError: an expert without scores.
        FrontError: a score that is not finite.
    """
    rows = [check_coefficients(row, len(experts), extrapolate=True) for row in coefficients]
    columns = {name: np.asarray(values, float) for name, values in scores.items()}
    for name, corner in zip(experts, one_hot(len(experts)), strict=True):
        if name not in columns:
            raise UnknownNameError("reward", name, columns)
        if corner not in rows:
            raise CoefficientError(f"no point is the expert {name!r}: a front needs λ = {corner}")
    for name, values in columns.items():
        if values.shape != (len(rows),):
            raise CoefficientError(f"{name!r} has scores of shape {values.shape} for {len(rows)} λ: give one each")
        if not np.isfinite(values).all():
            place = int(np.flatnonzero(~np.isfinite(values))[0])
            raise FrontError(f"{name!r} scores {values[place]} at λ = {rows[place]}: leave out what is not finite")
    points = []
    for index, row in enumerate(rows):
        kind: Kind = "expert" if row in one_hot(len(experts)) else "soup"
        means = {name: values[[index]] for name, values in columns.items()}
        points.append(Point(kind, dict(zip(experts, row, strict=True)), None, means))
    return front_record(task, experts, points, reference_point=None, training_cost={})


def summarise(
    points: Sequence[Point],
    rewards: Sequence[str],
    experts: Sequence[str],
    *,
    reference_point: Mapping[str, float] | None,
    training_cost: Mapping[str, int],
) -> Record:
    """Hypervolumes with bootstrap intervals, linear mode connectivity and cost; see :func:`front_record`."""
    soups = [point for point in points if point.kind in ("soup", "expert")]
    corners = [next(p for p in soups if p.kind == "expert" and (p.coefficients or {})[name] == 1) for name in experts]
    baselines = [point for point in points if point.kind == "morl"]
    # The experts are what MORL trains for their μ: both families have them, and so the same corners.
    families = {"soup": soups, "experts": corners, "morl": corners + baselines if baselines else []}
    scores = {kind: _stack(members, rewards) for kind, members in families.items()}
    means = {kind: values.mean(-1) for kind, values in scores.items() if len(values)}
    everything = _stack(points, rewards).mean(-1)
    nadir = everything.min(0) if reference_point is None else np.array([reference_point[name] for name in rewards])
    lmc = fronts.linear_mode_connectivity(
        scores["soup"],
        scores["experts"],
        [[(point.coefficients or {}).get(name, 0.0) for name in experts] for point in soups],
        resamples=RESAMPLES,
    )
    fronts_of = {kind: means[kind] for kind in ("soup", "morl") if kind in means}
    draws = {kind: _or_none(_hypervolumes, scores[kind], scores["experts"]) for kind in fronts_of}
    return {
        "reference_point": dict(zip(rewards, nadir.tolist(), strict=True)),
        "hypervolume": {kind: fronts.hypervolume(values, nadir) for kind, values in fronts_of.items()},
        "hypervolume_normalised": {
            kind: _or_none(fronts.normalised_hypervolume, values, means["experts"])
            for kind, values in fronts_of.items()
        },
        "hypervolume_normalised_ci95": {
            kind: None if values is None else np.quantile(values, TAILS).tolist() for kind, values in draws.items()
        },
        "hypervolume_normalised_standard_errors": {
            kind: None if values is None else float(values.std(ddof=1)) for kind, values in draws.items()
        },
        "lmc": {"holds": lmc.holds, "of": lmc.of, "worst_gap": lmc.worst_gap}
        | ({} if lmc.ci95 is None else {"confirmed": lmc.confirmed, "refuted": lmc.refuted}),
        "sparsity": fronts.sparsity(means["soup"]),
        "training_cost": dict(training_cost),
    }


def _stack(points: Sequence[Point], rewards: Sequence[str]) -> Array:
    """``[P, R, S]`` scores of points."""
    return np.array([[point.scores[name] for name in rewards] for point in points], dtype=float)


def _hypervolumes(scores: Array, experts: Array) -> Array | None:
    """Normalised hypervolumes over resampled evaluation entries, the experts' box included; None for one entry."""
    if scores.shape[-1] < 2:
        return None
    points, corners = (bootstrap_means(values, resamples=RESAMPLES) for values in (scores, experts))
    return np.array([fronts.normalised_hypervolume(points[..., i], corners[..., i]) for i in range(RESAMPLES)])


def _or_none(function: Any, *args: Any) -> Any:
    """``function(*args)``, or None where the experts' box is flat (one expert, or experts that score the same)."""
    try:
        return function(*args)
    except fronts.FlatBoxError:
        return None


def estimates(values: Mapping[str, Array | list[float]], interval: Callable[[ArrayLike], Array]) -> Record:
    """Means, 95 % intervals and standard errors of rewards, from ``{reward: [S]}`` values behind each mean."""
    return {
        "scores": {name: float(np.mean(column)) for name, column in values.items()},
        "ci95": {name: _known(interval(column)) for name, column in values.items()},
        "standard_errors": {name: _known(standard_error(column)) for name, column in values.items()},
    }


def _known(value: Array) -> Any:
    """As JSON; None where a single value behind a mean leaves it unknown."""
    return None if np.isnan(value).any() else value.tolist()
