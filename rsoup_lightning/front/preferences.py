"""The best coefficients λ for a user's preference μ.

The utility of scores is Σ_r μ_r s_r with s normalised in the experts' box (0 = the worst expert's score, 1 = the best
one's): rewards have different units, and only so does a μ of one half mean half.

Notation: P evaluated merges, E experts, R rewards, C terms of a quadratic.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from rsoup_lightning.front.geometry import normalise
from rsoup_lightning.front.intervals import student_quantile

Array = NDArray[np.float64]

ROUNDING = 1e-9  # of utilities, whose box is one wide: where standard errors are zero, a fit misses by that much


@dataclass(frozen=True)
class Pick:
    """The chosen λ.

    Attributes:
        coefficients: ``[E]`` λ.
        scores: ``[R]`` predicted, in the rewards' units.
        standard_errors: ``[R]`` of the scores.
        ci95: ``[R, 2]`` of the scores.
        utility: of the scores.
        utility_standard_error: with μ and the experts' box as exact.
        utility_ci95: ``[2]`` likewise.
        measured: ``[P]`` utility of each merge, of its scores as measured.
        predicted: ``[P]`` utility of each merge by the fit that λ comes from; None where λ is the best merge.
        best: which merge is measured to have the highest utility.
        nearest: which merge is nearest to λ.
        fitted: how many merges were fitted; 0 where λ is the best merge and the scores are as measured.
    """

    coefficients: Array
    scores: Array
    standard_errors: Array
    ci95: Array
    utility: float
    utility_standard_error: float
    utility_ci95: Array
    measured: Array
    predicted: Array | None
    best: int
    nearest: int
    fitted: int

    @property
    def gain(self) -> float:
        """Utility above that of the best merge, both by the fit; 0 where λ is that merge."""
        return 0.0 if self.predicted is None else self.utility - float(self.predicted[self.best])


def best_coefficients(
    coefficients: ArrayLike,
    scores: ArrayLike,
    standard_errors: ArrayLike,
    preference: ArrayLike,
    *,
    degrees_of_freedom: int,
) -> Pick:
    """The λ of highest utility: the best evaluated merge, refined by a quadratic fitted to the merges around it.

    The fit compares its own optimum with the best merge, both as fitted: what was measured at the best of many is too
    high, as its noise helped to select it. λ stays on the best merge where the fit finds nothing better, misses what
    was measured there by more than its interval, or promises less than some expert was measured to have.

    Intervals are Student's t. Merges are evaluated on the same entries, or trained from the same seeds, so their errors
    may be anything from independent to equal: a prediction gets the wider interval of these two, or of the fit's own
    residual, with the residual's degrees of freedom, where that is wider still. Errors of different rewards may be
    anything at all: the utility's standard error is the μ-weighted sum of theirs, the largest that it can have.

    Args:
        coefficients: ``[P, E]`` λ of the evaluated merges, every expert alone among them.
        scores: ``[P, R]`` their mean scores.
        standard_errors: ``[P, R]`` of these means.
        preference: ``[R]`` μ.
        degrees_of_freedom: of the standard errors: one less than the entries or seeds behind each mean.

    Raises:
        FlatBoxError: a reward on which all experts score the same.
    """
    places, raw, weights = (np.asarray(value, float) for value in (coefficients, scores, preference))
    alone = corners(places)
    unit = normalise(raw, raw[alone])
    width, worst = np.ptp(raw[alone], axis=0), raw[alone].min(0)
    noise = np.asarray(standard_errors, float) / width
    quantile = student_quantile(degrees_of_freedom)
    measured = unit @ weights
    best = int(measured.argmax())
    place, means, errors, halves = places[best], unit[best], noise[best], quantile * noise[best]
    fitted, predicted = 0, None

    window = _window(places, best)
    if window is not None:
        smooth = _smoothers(places[window], noise[window])
        curve = np.einsum("r,rcp,pr->c", weights, smooth, unit[window])
        found = _maximise(places[window], curve)
        terms = scheffe_terms(found)[0]
        at_found, at_merges = float(terms @ curve), scheffe_terms(places) @ curve
        experts = max(measured[corner] for corner in alone if not np.array_equal(places[corner], found))
        missed = measured[best] - at_merges[best] > weights @ halves + ROUNDING
        if at_found > at_merges[best] and at_found >= experts and not missed:
            place, fitted, predicted = found, int(window.sum()), at_merges
            means, errors, halves = _predict(terms, places[window], smooth, unit[window], noise[window], quantile)

    center, utility, spread = worst + width * means, float(weights @ means), float(weights @ halves)
    return Pick(
        coefficients=place,
        scores=center,
        standard_errors=width * errors,
        ci95=np.stack([center - width * halves, center + width * halves], axis=1),
        utility=utility,
        utility_standard_error=float(weights @ errors),
        utility_ci95=np.array([utility - spread, utility + spread]),
        measured=measured,
        predicted=predicted,
        best=best,
        nearest=int(np.linalg.norm(places - place, axis=1).argmin()),
        fitted=fitted,
    )


def corners(coefficients: Array) -> list[int]:
    """Where among λ ``[P, E]`` each of the E experts is alone."""
    return [int((coefficients == corner).all(1).argmax()) for corner in np.eye(coefficients.shape[1])]


def scheffe_terms(coefficients: ArrayLike) -> Array:
    """``[P, C]`` every λ_i and λ_i λ_j: all quadratics on the simplex (Scheffé 1958), C = E (E + 1) / 2.

    >>> scheffe_terms([[0.25, 0.75]]).tolist()
    [[0.25, 0.75, 0.1875]]
    """
    array = np.atleast_2d(np.asarray(coefficients, float))
    products = [array[:, i] * array[:, j] for i, j in combinations(range(array.shape[1]), 2)]
    return np.column_stack([array, *products])


def _window(places: Array, best: int) -> NDArray[np.bool_] | None:
    """``[P]`` the merges around the best: twice as many as terms, more where ties or the rank ask for it, or None."""
    distances = np.linalg.norm(places - places[best], axis=1)
    terms = scheffe_terms(places)
    count = terms.shape[1]
    for radius in np.sort(distances)[min(2 * count, len(distances)) - 1 :]:
        window = distances <= radius + 1e-9
        if np.linalg.matrix_rank(terms[window]) == count:
            return window
    return None


def _smoothers(around: Array, noise: Array) -> Array:
    """``[R, C, P]`` matrices from scores to terms: least squares weighted by 1/noise², per reward."""
    floor = noise.max(0) / 10  # a score that happens to be constant on the completions is not known exactly
    certainty = 1 / np.where(floor > 0, np.maximum(noise, floor), 1.0)
    terms = scheffe_terms(around)
    return np.stack([np.linalg.pinv(terms * column[:, None]) * column for column in certainty.T])


def _maximise(around: Array, curve: Array) -> Array:
    """``[E]`` the λ within the range of ``around [P, E]`` where the quadratic ``curve [C]`` is highest."""
    result = minimize(
        lambda place: -(scheffe_terms(place) @ curve).item(),
        around[(scheffe_terms(around) @ curve).argmax()],
        method="SLSQP",
        bounds=list(zip(around.min(0), around.max(0), strict=True)),
        constraints={"type": "eq", "fun": lambda place: place.sum() - 1},
        options={"ftol": 1e-12},
    )
    rounded = np.clip(result.x, 0, 1).round(4)  # so that an expert alone is exactly that
    return rounded / rounded.sum()


def _predict(
    terms: Array, around: Array, smooth: Array, scores: Array, noise: Array, quantile: float
) -> tuple[Array, Array, Array]:
    """``[R]`` means, standard errors and half intervals at a λ with ``terms [C]``; see :func:`best_coefficients`."""
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
