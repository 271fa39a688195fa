"""Pure arithmetic on fronts. Every reward is maximised. Hypervolume and dominance come from moocore.

Notation: P points, R rewards, E experts, S completions (paired: number s has the same prompt or seed at every point).
Functions of points raise FrontError where scores are not finite.
"""

from __future__ import annotations

from dataclasses import dataclass

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rsoup_lightning.errors import FrontError
from rsoup_lightning.front.intervals import bootstrap_interval

Array = NDArray[np.float64]
ROUNDING = 1e-6
"""Relative; a few times that of float32, in which scores come."""


class FlatBoxError(FrontError):
    """Experts that score the same on some reward span no box to normalise by."""


def pareto_mask(points: ArrayLike) -> NDArray[np.bool_]:
    """``[P]`` bool, true for the points no other point dominates (equal points all count).

    Args:
        points: ``[P, R]`` scores.

    >>> pareto_mask([[0, 1], [1, 0], [0, 0]]).tolist()
    [True, True, False]
    """
    return np.asarray(moocore.is_nondominated(_points(points), maximise=True, keep_weakly=True), dtype=bool)


def hypervolume(points: ArrayLike, reference_point: ArrayLike) -> float:
    """Volume dominated by ``points [P, R]`` above ``reference_point [R]``, in the product of the rewards' units.

    >>> hypervolume([[1, 2], [2, 1]], [0, 0])
    3.0
    """
    array, corner = _points(points), np.asarray(reference_point, float)
    if corner.shape != array.shape[1:] or not np.isfinite(corner).all():
        raise FrontError(f"the reference point is {corner.tolist()}: give {array.shape[1]} finite numbers")
    return float(moocore.hypervolume(array, ref=corner, maximise=True))


def normalise(points: ArrayLike, experts: ArrayLike) -> Array:
    """``points [P, R]`` in the experts' box: per reward, 0 is the worst expert's score and 1 the best one's.

    Args:
        points: ``[P, R]`` scores.
        experts: ``[E, R]`` the experts' scores.

    Raises:
        FlatBoxError: a reward on which all experts score the same has no box.
    """
    corners = _points(experts)
    worst, best = corners.min(0), corners.max(0)
    if np.any(best <= worst):
        flat = ", ".join(str(index) for index in np.flatnonzero(best <= worst))
        raise FlatBoxError(f"all experts score the same on reward number {flat}: the experts' box is flat")
    return (_points(points) - worst) / (best - worst)


def normalised_hypervolume(points: ArrayLike, experts: ArrayLike) -> float:
    """Hypervolume in the experts' box above its worst corner: the chord of two experts has 0.5, the utopia point 1.

    A sweep counts as a staircase: n evenly spread λ on the chord itself have 0.5 (1 - 1/(n - 1)), so 0.45 for 11.
    Points may lie outside the box: above a corner they add, below they do not count.

    >>> normalised_hypervolume([[0, 4], [1, 3], [2, 2]], [[0, 4], [2, 2]])
    0.25
    """
    return hypervolume(normalise(points, experts), np.zeros(_points(points).shape[1]))


def inverted_generational_distance(points: ArrayLike, reference_front: ArrayLike) -> float:
    """Mean Euclidean distance from each point of ``reference_front [Q, R]`` to the nearest of ``points [P, R]``."""
    return float(moocore.igd(_points(points), ref=_points(reference_front), maximise=True))


def expected_utility(points: ArrayLike, preferences: ArrayLike) -> float:
    """Mean over ``preferences [M, R]`` of the best linear utility μ·score among ``points [P, R]`` (Zintgraf 2015)."""
    return float((np.asarray(preferences, float) @ _points(points).T).max(1).mean())


def sparsity(points: ArrayLike) -> float:
    """Mean squared gap between neighbours on the front, summed over rewards (Xu et al. 2020); 0 for one point."""
    array = _points(points)
    front = np.unique(array[pareto_mask(array)], axis=0)
    if len(front) < 2:
        return 0.0
    return float(np.square(np.diff(np.sort(front, axis=0), axis=0)).sum() / (len(front) - 1))


@dataclass(frozen=True)
class LMC:
    """Linear mode connectivity: the merged weights score at least the λ-weighted mean of the experts' scores.

    Attributes:
        gaps: ``[P, R]`` score minus chord; not negative where LMC holds.
        ci95: ``[P, R, 2]`` bootstrap interval of the gaps, or None without several completions.
        rounding: ``[R]`` how far below its chord a score still counts as on it: scores have a float32's precision.
        interior: ``[P]`` bool, points of the simplex with at least two non-zero coefficients: only they can fail.
    """

    gaps: Array
    ci95: Array | None
    rounding: Array
    interior: NDArray[np.bool_]

    @property
    def of(self) -> int:
        """Number of interior points."""
        return int(self.interior.sum())

    @property
    def holds(self) -> int:
        """Interior points where no reward is below its chord, but for rounding."""
        return int((self.gaps[self.interior] >= -self.rounding).all(1).sum())

    @property
    def refuted(self) -> int:
        """Interior points where some reward's whole interval lies below its chord."""
        return 0 if self.ci95 is None else int((self.ci95[self.interior, :, 1] < -self.rounding).any(1).sum())

    @property
    def confirmed(self) -> int:
        """Interior points where every reward's whole interval lies on or above its chord."""
        return 0 if self.ci95 is None else int((self.ci95[self.interior, :, 0] >= -self.rounding).all(1).sum())

    @property
    def worst_gap(self) -> float:
        """The smallest gap of an interior point, in the reward's unit; 0 where there is none."""
        return float(self.gaps[self.interior].min(initial=np.inf)) if self.of else 0.0


def linear_mode_connectivity(
    scores: ArrayLike,
    experts: ArrayLike,
    coefficients: ArrayLike,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> LMC:
    """LMC at each λ (Ramé et al. 2023, Definition 1), with paired bootstrap intervals where scores are per completion.

    Args:
        scores: ``[P, R]`` means of the merged weights, or ``[P, R, S]`` scores per completion.
        experts: ``[E, R]`` or ``[E, R, S]`` likewise, paired with ``scores``.
        coefficients: ``[P, E]`` λ of each point.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    merged, corners, weights = (np.asarray(value, float) for value in (scores, experts, coefficients))
    if not (np.isfinite(merged).all() and np.isfinite(corners).all()):
        raise FrontError("scores must be finite, and one of those whose connectivity is asked for is not")
    gaps = merged - np.tensordot(weights, corners, axes=1)
    on_simplex = (weights >= 0).all(1) & (np.abs(weights.sum(1) - 1) < ROUNDING)
    interior = on_simplex & ((weights != 0).sum(1) > 1)
    both = np.concatenate([merged, corners])
    rounding = ROUNDING * np.abs(both).max(axis=(0, *range(2, both.ndim)))
    if gaps.ndim == 2:
        return LMC(gaps, None, rounding, interior)
    ci95 = bootstrap_interval(gaps, resamples=resamples, seed=seed) if gaps.shape[-1] > 1 else None
    return LMC(gaps.mean(-1), ci95, rounding, interior)


def _points(points: ArrayLike) -> Array:
    array = np.atleast_2d(np.asarray(points, dtype=float))
    if array.ndim != 2:
        raise FrontError(f"scores must be of shape [points, rewards], got shape {array.shape}")
    if not np.isfinite(array).all():
        point, reward = np.argwhere(~np.isfinite(array))[0].tolist()
        raise FrontError(f"scores must be finite, got {array[point, reward]} at point {point} for reward {reward}")
    return array
