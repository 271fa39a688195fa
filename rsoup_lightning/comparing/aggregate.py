"""Scores of several tasks and seeds as few numbers with 95 % intervals, as in Agarwal et al., "Deep Reinforcement
Learning at the Edge of the Statistical Precipice" (2021).

Notation: S seeds, T tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rsoup_lightning.front.intervals import TAILS, student_interval

Array = NDArray[np.float64]
RESAMPLES = 2000  # behind every interval


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval, which is unknown from a single seed."""

    value: float
    ci95: tuple[float, float] | None


def interquartile_mean(scores: ArrayLike) -> Array:
    """``[...]`` mean of the middle half of ``scores [..., S, T]``, of all seeds and tasks alike.

    A quarter of them, rounded down, is cut from either end.

    >>> float(interquartile_mean([[0.0], [1.0], [3.0], [90.0]]))
    2.0
    """
    array = np.asarray(scores, float)
    flat = np.sort(array.reshape(*array.shape[:-2], -1), axis=-1)
    cut = flat.shape[-1] // 4
    return flat[..., cut : flat.shape[-1] - cut].mean(-1)


def probability_of_improvement(scores: ArrayLike, others: ArrayLike) -> Array:
    """``[...]`` how probable it is that ``scores [..., S, T]`` surpass ``others [..., S', T]``.

    On each task any seed is compared with any other, and equal scores count half; this is the mean over tasks.

    >>> float(probability_of_improvement([[1.0], [2.0]], [[1.0], [0.0]]))
    0.875
    """
    ours, theirs = np.asarray(scores, float)[..., :, None, :], np.asarray(others, float)[..., None, :, :]
    return ((ours > theirs) + 0.5 * (ours == theirs)).mean((-3, -2, -1))


def stratified(scores: ArrayLike, generator: np.random.Generator, resamples: int = RESAMPLES) -> Array:
    """``[resamples, S, T]`` of ``scores [S, T]``: of each task, S of its own seeds, drawn with replacement."""
    array = np.asarray(scores, float)
    draws = generator.integers(0, len(array), (resamples, *array.shape))
    return array[draws, np.arange(array.shape[1])]


def interquartile(scores: ArrayLike) -> Estimate:
    """The interquartile mean of ``scores [S, T]``, and its stratified bootstrap interval."""
    return _bootstrapped(interquartile_mean, scores)


def superiority(scores: ArrayLike, others: ArrayLike) -> Estimate:
    """The probability that ``scores [S, T]`` surpass ``others [S, T]``, and its stratified bootstrap interval."""
    return _bootstrapped(probability_of_improvement, scores, others)


def mean_over_seeds(scores: Sequence[float]) -> Estimate:
    """The mean of S scores, and its interval by Student's t: seeds are few."""
    return _estimate(np.mean(scores), student_interval(scores))


def paired_difference(scores: Sequence[float], others: Sequence[float]) -> Estimate | None:
    """How far S scores surpass ``others`` of the same seeds on average, as a share of the latter's mean.

    None where that mean is 0.

    >>> paired_difference([1.5, 1.5], [1.0, 2.0]).value
    0.0
    """
    scale = float(np.mean(others))
    if not scale:
        return None
    return mean_over_seeds([(own - other) / scale for own, other in zip(scores, others, strict=True)])


def _bootstrapped(statistic: Callable[..., Array], *scores: ArrayLike) -> Estimate:
    """Of methods whose seeds are drawn independently of each other's."""
    generator = np.random.default_rng(0)
    draws = statistic(*(stratified(each, generator) for each in scores))
    several = all(len(np.asarray(each)) > 1 for each in scores)
    return _estimate(statistic(*scores), np.quantile(draws, TAILS) if several else np.full(2, np.nan))


def _estimate(value: ArrayLike, interval: Array) -> Estimate:
    low, high = interval.tolist()
    return Estimate(float(np.asarray(value)), None if np.isnan(interval).any() else (low, high))
