"""The λ of a measured front for a preference, or for choices people made, and the reason for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsoup_lightning.errors import FrontError
from rsoup_lightning.front.choices import Learnt, choice_differences, learn_preference
from rsoup_lightning.front.geometry import FlatBoxError, normalise
from rsoup_lightning.front.preferences import Pick, best_coefficients, corners
from rsoup_lightning.front.record import Record, mixtures
from rsoup_lightning.simplex import check_preference

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MeasuredFront:
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


@dataclass(frozen=True)
class Chosen:
    """A λ and why it was chosen.

    Attributes:
        front: where.
        preference: μ over all its rewards.
        found: λ and what is expected of it.
        learnt: where μ comes from, if from choices.
    """

    front: MeasuredFront
    preference: dict[str, float]
    found: Pick
    learnt: Learnt | None

    def __repr__(self) -> str:
        return f"Chosen(λ = {_written(self.front.experts, self.found.coefficients)})"

    @property
    def coefficients(self) -> dict[str, float]:
        """λ per expert."""
        return _named(self.front.experts, self.found.coefficients)

    def record(self) -> dict[str, Any]:
        """As pick.json has it."""
        front, chosen, learnt = self.front, self.found, self.learnt

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
            "task": front.task,
            "preference": self.preference,
            "learnt": from_choices or None,
            "coefficients": self.coefficients,
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

    @property
    def reason(self) -> str:
        """λ, its utility and where that comes from, for people."""
        front, chosen, learnt = self.front, self.found, self.learnt
        lines = []
        if learnt:
            spread = zip(front.rewards, learnt.preference, learnt.ci95, strict=True)
            mu = ", ".join(f"{name} {weight:.2f} [{low:.2f}, {high:.2f}]" for name, weight, (low, high) in spread)
            lines.append(f"μ = {mu}, learnt from {learnt.choices} choices")
        low, high = chosen.utility_ci95
        reason = "as measured there: no other λ, evaluated or between, is expected to be better"
        if chosen.predicted is not None:
            best, fitted = _written(front.experts, front.coefficients[chosen.best]), chosen.predicted[chosen.best]
            reason = (
                f"by a fit to {chosen.fitted} points; it is {chosen.gain:.2g} above the best evaluated point "
                f"λ = {best}, which has {fitted:.3f} by the same fit ({chosen.measured[chosen.best]:.3f} as measured)"
            )
            if np.array_equal(front.coefficients[chosen.nearest], chosen.coefficients):
                reason += f"; {chosen.measured[chosen.nearest]:.3f} was measured at λ itself"
        place = _written(front.experts, chosen.coefficients)
        lines.append(f"λ = {place}: utility {chosen.utility:.3f} [{low:.3f}, {high:.3f}], {reason}")
        if high - low > 1:
            lines.append("that interval is wider than from the worst to the best expert: evaluate on more entries")
        return "\n".join(lines)


def measured_front(record: Record, label: object = "the front") -> MeasuredFront:
    """The merges of a front.

    Args:
        record: as read of a front.json.
        label: what to call it in errors.

    Raises:
        FrontError: it has merges without standard errors.
        FlatBoxError: a reward on which all experts score the same.
    """
    rewards, experts, freedom = (record[key] for key in ("rewards", "experts", "degrees_of_freedom"))
    everything = np.array([[point["scores"][name] for name in rewards] for point in record["points"]], float)
    merges = mixtures(record)
    places = np.array([[point["coefficients"][name] for name in experts] for point in merges.values()], float)
    errors = np.array([[point["standard_errors"][name] for name in rewards] for point in merges.values()], float)
    index = list(merges)
    if not freedom or np.isnan(errors).any():
        cure = "evaluate the experts on two entries or more with rsoup soup or SoupCallback"
        raise FrontError(f"{label} has scores without a standard error, by which pick weighs points: {cure}")
    box = everything[index][corners(places)]
    flat = [name for name, size in zip(rewards, np.ptp(box, axis=0), strict=True) if size == 0]
    if flat:
        raise FlatBoxError(f"all experts of {label} score the same on {', '.join(flat)}: no λ trades that reward")
    unit = normalise(everything, box)
    return MeasuredFront(record["task"], rewards, experts, index, places, everything[index], errors, freedom, unit)


def choose(front: MeasuredFront, preference: Mapping[str, float] | None = None, choices: Any = None) -> Chosen:
    """The λ of highest utility for μ, or for what choices say of μ (see :func:`choices.choice_differences`).

    Raises:
        UnknownNameError: a preference for what is not a reward.
        CoefficientError: a preference off the simplex.
        ChoicesError: choices that say nothing.
    """
    learnt = None
    if preference is None:
        learnt = learn_preference(choice_differences(choices, front.everything))
        preference = _named(front.rewards, learnt.preference)
    whole = check_preference(preference, front.rewards)
    found = best_coefficients(
        front.coefficients,
        front.scores,
        front.standard_errors,
        list(whole.values()),
        degrees_of_freedom=front.degrees_of_freedom,
    )
    return Chosen(front, whole, found, learnt)


def _named(names: list[str], values: Array) -> dict[str, Any]:
    return dict(zip(names, values.tolist(), strict=True))


def _written(names: list[str], values: Array) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in zip(names, values, strict=True))
