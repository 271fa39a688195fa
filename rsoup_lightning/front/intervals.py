"""Standard errors and 95 % intervals of means, by the bootstrap and by Student's t.

Notation: S values behind a mean: evaluation entries (prompts or environment seeds), or seeds of training. One value
alone says nothing of its spread: its standard error and interval are NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

Array = NDArray[np.float64]

TAILS = (0.025, 0.975)
"""The quantiles at the ends of a central 95 % interval."""


def standard_error(values: ArrayLike) -> Array:
    """``[...]`` standard error of the mean of ``values [..., S]``: s / √S, with S - 1 degrees of freedom.

    >>> round(float(standard_error([1.0, 2.0, 3.0])), 4)
    0.5774
    """
    array = np.asarray(values, float)
    size = array.shape[-1]
    if size < 2:
        return np.full(array.shape[:-1], np.nan)
    varying = array - array[..., :1]  # so that the error of a constant is exactly zero
    return varying.std(-1, ddof=1) / np.sqrt(size)


def student_quantile(degrees_of_freedom: int) -> float:
    """Half of a 95 % interval in standard errors.

    >>> [round(student_quantile(freedom), 2) for freedom in (2, 1000)]
    [4.3, 1.96]
    """
    return float(stdtrit(degrees_of_freedom, TAILS[1]))


def student_interval(values: ArrayLike) -> Array:
    """``[..., 2]`` 95 % interval of the mean of ``values [..., S]``, by Student's t: for few values.

    >>> student_interval([1.0, 2.0, 3.0]).round(3).tolist()
    [-0.484, 4.484]
    """
    array = np.asarray(values, float)
    error, mean = standard_error(array), array.mean(-1)
    half = student_quantile(array.shape[-1] - 1) * error
    return np.stack([mean - half, mean + half], axis=-1)


def bootstrap_means(values: ArrayLike, *, resamples: int = 1000, seed: int = 0) -> Array:
    """``[..., resamples]`` means of S entries drawn with replacement; the same draws for every leading index.

    Args:
        values: ``[..., S]``.
    """
    array = np.asarray(values, float)
    size = array.shape[-1]
    draws = np.random.default_rng(seed).integers(0, size, (resamples, size))
    shares = np.stack([np.bincount(draw, minlength=size) for draw in draws], axis=1) / size
    return array @ shares


def bootstrap_interval(values: ArrayLike, *, resamples: int = 1000, seed: int = 0) -> Array:
    """``[..., 2]`` central 95 % bootstrap interval of the mean of ``values [..., S]``: for many values."""
    array = np.asarray(values, float)
    if array.shape[-1] < 2:
        return np.full((*array.shape[:-1], 2), np.nan)
    mean = array.mean(-1, keepdims=True)  # bootstrap what varies, so that constants have an interval of exactly zero
    means = bootstrap_means(array - mean, resamples=resamples, seed=seed)
    return mean + np.moveaxis(np.quantile(means, TAILS, axis=-1), 0, -1)
