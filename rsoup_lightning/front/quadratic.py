"""Quadratics in λ, fitted to the measured scores of the merges around a place.

Notation: P merges, E experts, R rewards, C terms of a quadratic.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rsoup_lightning.front.intervals import student_quantile

Array = NDArray[np.float64]


def scheffe_terms(coefficients: ArrayLike) -> Array:
    """``[P, C]`` every λ_i and λ_i λ_j: all quadratics on the simplex (Scheffé 1958), C = E (E + 1) / 2.

    >>> scheffe_terms([[0.25, 0.75]]).tolist()
    [[0.25, 0.75, 0.1875]]
    """
    array = np.atleast_2d(np.asarray(coefficients, float))
    products = [array[:, i] * array[:, j] for i, j in combinations(range(array.shape[1]), 2)]
    return np.column_stack([array, *products])


def window_around(places: Array, center: Array) -> NDArray[np.bool_] | None:
    """``[P]`` which merges to fit for λ near ``center [E]``: twice as many as terms, the nearest ones.

    More where ties or the rank ask for it; None where all of them are too few.
    """
    distances = np.linalg.norm(places - center, axis=1)
    terms = scheffe_terms(places)
    count = terms.shape[1]
    for radius in np.sort(distances)[min(2 * count, len(distances)) - 1 :]:
        window = distances <= radius + 1e-9
        if np.linalg.matrix_rank(terms[window]) == count:
            return window
    return None


def smoothers(around: Array, noise: Array) -> Array:
    """``[R, C, P]`` matrices from scores to terms: least squares weighted by 1/noise², per reward."""
    floor = noise.max(0) / 10  # a score that happens to be constant on the completions is not known exactly
    certainty = 1 / np.where(floor > 0, np.maximum(noise, floor), 1.0)
    terms = scheffe_terms(around)
    return np.stack([np.linalg.pinv(terms * column[:, None]) * column for column in certainty.T])


def predict(
    terms: Array, around: Array, smooth: Array, scores: Array, noise: Array, quantile: float
) -> tuple[Array, Array, Array]:
    """``[R]`` means, standard errors and half intervals at a λ with ``terms [C]``, by a fit to the P merges around it.

    Intervals are Student's t. Merges are evaluated on the same entries, or trained from the same seeds, so their errors
    may be anything from independent to equal: a prediction gets the wider interval of these two, or of the fit's own
    residual, with the residual's degrees of freedom, where that is wider still.

    Args:
        terms: of λ.
        around: ``[P, E]`` λ of the merges.
        smooth: ``[R, C, P]`` their :func:`smoothers`.
        scores: ``[P, R]`` of the merges.
        noise: ``[P, R]`` standard errors of the scores.
        quantile: half of a 95 % interval of the scores, in standard errors.
    """
    shares = np.einsum("c,rcp->pr", terms, smooth)
    fitted = scheffe_terms(around) @ np.einsum("rcp,pr->cr", smooth, scores)
    freedom = max(len(around) - len(terms), 1)
    independent, equal = np.linalg.norm(shares * noise, axis=0), np.abs((shares * noise).sum(0))
    residual = np.sqrt(np.square(scores - fitted).sum(0) / freedom)
    errors = np.stack([independent, equal, residual])
    halves = errors * [[quantile], [quantile], [student_quantile(freedom)]]
    widest = halves.argmax(0)[None]
    means = (shares * scores).sum(0)
    return means, np.take_along_axis(errors, widest, 0)[0], np.take_along_axis(halves, widest, 0)[0]
