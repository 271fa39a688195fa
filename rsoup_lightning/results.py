"""What an experiment found: evaluated points, their summary, and the schema of ``front.json``.

Notation: R rewards, E experts, S evaluation samples (paired: the same prompts or seeds for every point).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rsoup_lightning import fronts
from rsoup_lightning.collapse import collapsed
from rsoup_lightning.environment import Sample
from rsoup_lightning.errors import CoefficientError, UnknownNameError
from rsoup_lightning.simplex import check_coefficients, one_hot

Kind = Literal["init", "expert", "soup", "morl"]
Record = dict[str, Any]
BOOTSTRAP = 1000  # resamples behind every interval


@dataclass(frozen=True)
class Point:
    """One evaluated policy.

    Attributes:
        kind: what it is.
        coefficients: λ per expert, or None where it is no merge of experts.
        preference: μ it was trained on, or None where it was not trained on one.
        scores: ``{reward: [S]}`` per-sample scores.
        samples: things it produced, to look at.
    """

    kind: Kind
    coefficients: dict[str, float] | None
    preference: dict[str, float] | None
    scores: dict[str, NDArray[np.float64]]
    samples: list[Sample] = field(default_factory=list)

    def record(self) -> Record:
        """As an entry of ``points`` in front.json."""
        return {
            "kind": self.kind,
            "coefficients": self.coefficients,
            "preference": self.preference,
            "scores": {name: float(values.mean()) for name, values in self.scores.items()},
            "ci95": {
                name: fronts.bootstrap_interval(values, samples=BOOTSTRAP).tolist()
                for name, values in self.scores.items()
            },
            "samples": len(next(iter(self.scores.values()))),
            "method": "linear",
        }


def front_record(
    task: str,
    experts: Sequence[str],
    points: Sequence[Point],
    *,
    reference_point: Mapping[str, float] | None,
    training_cost: Mapping[str, int],
    guards: Sequence[str] = (),
) -> Record:
    """Everything in front.json.

    Args:
        task: its name.
        experts: E names of experts, each the reward it was trained on: the rewards of this front.
        points: what was evaluated; its kind "expert" entries are the one-hot ones.
        reference_point: of the raw hypervolume; None takes the nadir of all points.
        training_cost: steps taken by soup and MORL training.
        guards: rewards that are only watched: points say by which of them they have collapsed, if init is among them.
    """
    init = next((point.scores for point in points if point.kind == "init"), None)
    return {
        "schema": 1,
        "task": task,
        "rewards": list(experts),
        "experts": list(experts),
        "points": [
            {**point.record(), "collapsed": collapsed(point.scores, init, guards) if init else []} for point in points
        ],
        "summary": summarise(points, experts, reference_point=reference_point, training_cost=training_cost),
    }


def record_of(
    task: str, experts: Sequence[str], coefficients: Sequence[Sequence[float]], scores: Mapping[str, ArrayLike]
) -> Record:
    """The record of a front whose mean scores are already known: published ones, or somebody's own sweep.

    Means have no samples behind them: no point has an interval, and LMC is counted on the means alone.

    Args:
        task: what to call it.
        experts: E names of experts, each the reward it was trained on.
        coefficients: ``[P, E]`` λ of each point; each expert's own one-hot λ must be there.
        scores: ``{reward: [P]}`` mean scores, of the experts' rewards and of any others to show.

    Raises:
        CoefficientError: a λ of the wrong length, no point for some expert, or not one score per λ.
        UnknownNameError: an expert without scores.
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
    points = []
    for index, row in enumerate(rows):
        kind: Kind = "expert" if row in one_hot(len(experts)) else "soup"
        means = {name: values[[index]] for name, values in columns.items()}
        points.append(Point(kind, dict(zip(experts, row, strict=True)), None, means))
    record = front_record(task, experts, points, reference_point=None, training_cost={})
    summary = _without_samples(record["summary"])
    summary["hypervolume_normalised_ci95"] = dict.fromkeys(summary["hypervolume_normalised_ci95"])
    return {**record, "points": [{**point, "ci95": {}} for point in record["points"]], "summary": summary}


def summarise(
    points: Sequence[Point],
    experts: Sequence[str],
    *,
    reference_point: Mapping[str, float] | None,
    training_cost: Mapping[str, int],
) -> Record:
    """Hypervolumes with bootstrap intervals, linear mode connectivity and cost; see :func:`front_record`."""
    soups = [point for point in points if point.kind in ("soup", "expert")]
    corners = [next(p for p in soups if p.kind == "expert" and (p.coefficients or {})[name] == 1) for name in experts]
    baselines = [point for point in points if point.kind == "morl"]
    # The experts are what MORL trains for one-hot μ: both families have them, and so the same corners.
    families = {"soup": soups, "experts": corners, "morl": corners + baselines if baselines else []}
    samples = {kind: _stack(members, experts) for kind, members in families.items()}
    means = {kind: values.mean(-1) for kind, values in samples.items() if len(values)}
    everything = _stack(points, experts).mean(-1)
    nadir = everything.min(0) if reference_point is None else np.array([reference_point[name] for name in experts])
    lmc = fronts.linear_mode_connectivity(
        samples["soup"],
        samples["experts"],
        [[(point.coefficients or {}).get(name, 0.0) for name in experts] for point in soups],
        samples=BOOTSTRAP,
    )
    fronts_of = {kind: means[kind] for kind in ("soup", "morl") if kind in means}
    return {
        "reference_point": dict(zip(experts, nadir.tolist(), strict=True)),
        "hypervolume": {kind: fronts.hypervolume(values, nadir) for kind, values in fronts_of.items()},
        "hypervolume_normalised": {
            kind: _or_none(fronts.normalised_hypervolume, values, means["experts"])
            for kind, values in fronts_of.items()
        },
        "hypervolume_normalised_ci95": {
            kind: _or_none(_hypervolume_interval, samples[kind], samples["experts"]) for kind in fronts_of
        },
        "lmc": {
            "holds": lmc.holds,
            "of": lmc.of,
            "worst_gap": lmc.worst_gap,
            "confirmed": lmc.confirmed,
            "refuted": lmc.refuted,
        },
        "sparsity": fronts.sparsity(means["soup"]),
        "training_cost": dict(training_cost),
    }


def _stack(points: Sequence[Point], rewards: Sequence[str]) -> NDArray[np.float64]:
    """``[P, R, S]`` samples of points."""
    return np.array([[point.scores[name] for name in rewards] for point in points], dtype=float)


def _hypervolume_interval(samples: NDArray[np.float64], experts: NDArray[np.float64]) -> list[float]:
    """Central 95 % of the normalised hypervolume over resampled evaluation entries, the experts' box included."""
    points = fronts.bootstrap_means(samples, samples=BOOTSTRAP)
    corners = fronts.bootstrap_means(experts, samples=BOOTSTRAP)
    draws = [fronts.normalised_hypervolume(points[..., i], corners[..., i]) for i in range(BOOTSTRAP)]
    return np.quantile(draws, [0.025, 0.975]).tolist()


def _or_none(function: Any, *args: Any) -> Any:
    """``function(*args)``, or None where the experts' box is flat (one expert, or experts that score the same)."""
    try:
        return function(*args)
    except fronts.FlatBoxError:
        return None


def combine_seeds(records: Sequence[Record]) -> Record:
    """Fronts of the same recipe under several seeds as one: means over seeds, every seed's own numbers beside.

    ``ci95`` is then Student's interval of the mean over seeds, of the normalised hypervolume too, and each point has
    ``per_seed`` scores. Raw hypervolume, LMC and sparsity are those of the mean front.
    """
    first = records[0]
    points = []
    for versions in zip(*(record["points"] for record in records), strict=True):
        scores = {name: [version["scores"][name] for version in versions] for name in versions[0]["scores"]}
        points.append(
            {
                **versions[0],
                "scores": {name: float(np.mean(values)) for name, values in scores.items()},
                "ci95": {name: student_interval(values) for name, values in scores.items()},
                "per_seed": scores,
                "samples": sum(version["samples"] for version in versions),
                "collapsed": sorted({name for version in versions for name in version.get("collapsed", [])}),
            }
        )
    rewards = first["rewards"]
    means = [
        Point(p["kind"], p["coefficients"], p["preference"], {n: np.array([p["scores"][n]]) for n in rewards})
        for p in points
    ]
    reference = (
        first["summary"]["reference_point"]
        if len({str(r["summary"]["reference_point"]) for r in records}) == 1
        else None
    )
    cost = {
        kind: sum(r["summary"]["training_cost"][kind] for r in records) for kind in first["summary"]["training_cost"]
    }
    summary = _without_samples(summarise(means, first["experts"], reference_point=reference, training_cost=cost))
    for kind in summary["hypervolume_normalised"]:
        values = [record["summary"]["hypervolume_normalised"][kind] for record in records]
        if None not in values:
            summary["hypervolume_normalised"][kind] = float(np.mean(values))
            summary["hypervolume_normalised_ci95"][kind] = student_interval(values)
    return {**first, "points": points, "summary": {**summary, "per_seed": [record["summary"] for record in records]}}


def _without_samples(summary: Record) -> Record:
    """A summary without the counts that only samples can support."""
    counts = {name: value for name, value in summary["lmc"].items() if name not in ("confirmed", "refuted")}
    return {**summary, "lmc": counts}


def student_interval(values: Sequence[float]) -> list[float]:
    """95 % interval of the mean of a few values, by Student's t.

    >>> [round(bound, 3) for bound in student_interval([1.0, 2.0, 3.0])]
    [-0.484, 4.484]
    """
    from scipy.stats import t  # heavy, and only several seeds need it

    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return [mean, mean]
    half = float(t.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count))
    return [mean - half, mean + half]
