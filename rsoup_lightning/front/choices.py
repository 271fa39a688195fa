"""A preference μ learnt from choices between evaluated policies.

Notation: Q points of a front, R rewards, N choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.front.intervals import TAILS

Array = NDArray[np.float64]

PRIOR = 10.0  # standard deviation of w: it lets a choice across the whole box be all but certain
RESAMPLES = 400  # of the choices, behind the interval of μ


class ChoicesError(RSoupError):
    """Choices that name unknown points, or from which no preference can be learnt."""


@dataclass(frozen=True)
class Learnt:
    """A preference learnt from choices.

    Attributes:
        preference: ``[R]`` μ.
        standard_errors: ``[R]`` of μ, by the bootstrap over the choices.
        ci95: ``[R, 2]`` likewise: too narrow for a handful of choices.
        sharpness: β, the log-odds with which a whole unit of utility is preferred.
        choices: N.
    """

    preference: Array
    standard_errors: Array
    ci95: Array
    sharpness: float
    choices: int


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
        except (KeyError, TypeError, IndexError):
            raise ChoicesError(f'entry {entry} of the choices lacks "{side}": {{"point": ...}}') from None
        if type(point) is not int or not 0 <= point < len(scores):
            raise ChoicesError(f"entry {entry} of the choices: {side} is point {point!r}, not 0 to {len(scores) - 1}")
        return scores[point]

    return np.stack([score(entry, "preferred") - score(entry, "other") for entry in range(len(choices))])


def bradley_terry(differences: ArrayLike, counts: ArrayLike) -> Array:
    """``[R]`` the w ≥ 0 under which the choices are likeliest: P(a preferred to b) = σ(w·(s_a - s_b)).

    After Bradley and Terry 1952, with a weak Gaussian prior on w, so that choices without a contradiction keep it
    finite. w is zero where the choices contradict every reward.

    Args:
        differences: ``[N, R]`` scores of the preferred minus those of the other.
        counts: ``[N]`` how often each was chosen.
    """
    array, times = np.asarray(differences, float), np.asarray(counts, float)

    def loss(w: Array) -> tuple[float, Array]:
        margins = array @ w
        slope = w / PRIOR**2 - (times * expit(-margins)) @ array
        return float(times @ np.logaddexp(0, -margins) + w @ w / (2 * PRIOR**2)), slope

    size = array.shape[1]
    return minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B", bounds=[(0, None)] * size).x


def learn_preference(differences: ArrayLike, *, seed: int = 0) -> Learnt:
    """μ = w / Σw and β = Σw of :func:`bradley_terry`, with a bootstrap interval of μ over the choices.

    Args:
        differences: ``[N, R]`` normalised scores of the preferred minus those of the other.
        seed: of the bootstrap.

    Raises:
        ChoicesError: the choices carry no information, or contradict every reward.
    """
    distinct, counts = np.unique(np.asarray(differences, float), axis=0, return_counts=True)
    if not distinct.any():
        raise ChoicesError("every choice is between equal scores: they say nothing; compare points further apart")
    w = bradley_terry(distinct, counts)
    if not w.any():
        raise ChoicesError("the choices contradict every reward: are preferred and other the wrong way round?")
    rng = np.random.default_rng(seed)
    total = int(counts.sum())
    resampled = rng.multinomial(total, counts / total, size=RESAMPLES)
    draws = np.array([bradley_terry(distinct, row) for row in resampled])
    draws = draws[draws.any(1)]  # where a resample contradicts every reward, no μ follows
    preferences = draws / draws.sum(1, keepdims=True)
    limits = np.quantile(preferences, TAILS, axis=0).T
    return Learnt(w / w.sum(), preferences.std(0), limits, float(w.sum()), total)
