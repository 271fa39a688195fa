"""The best coefficients λ for a user's preference μ.

The utility of scores is Σ_r μ_r s_r with s normalised in the experts' box (0 = the worst expert's score, 1 = the best
one's): rewards have different units, and only so does a μ of one half mean half.

Notation: P evaluated merges, E experts, R rewards, C terms of a quadratic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from rsoup_lightning.front.geometry import normalise
from rsoup_lightning.front.intervals import student_quantile
from rsoup_lightning.front.quadratic import predict, scheffe_terms, smoothers, window_around

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

    Intervals are those of :func:`quadratic.predict`. Errors of different rewards may be anything at all: the utility's
    standard error is the μ-weighted sum of theirs, the largest that it can have.

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

    window = window_around(places, places[best])
    if window is not None:
        smooth = smoothers(places[window], noise[window])
        curve = np.einsum("r,rcp,pr->c", weights, smooth, unit[window])
        found = _maximise(places[window], curve)
        terms = scheffe_terms(found)[0]
        at_found, at_merges = float(terms @ curve), scheffe_terms(places) @ curve
        experts = max(measured[corner] for corner in alone if not np.array_equal(places[corner], found))
        missed = measured[best] - at_merges[best] > weights @ halves + ROUNDING
        if at_found > at_merges[best] and at_found >= experts and not missed:
            place, fitted, predicted = found, int(window.sum()), at_merges
            means, errors, halves = predict(terms, places[window], smooth, unit[window], noise[window], quantile)

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


def _maximise(around: Array, curve: Array) -> Array:
    """``[E]`` the λ within the range of ``around [P, E]`` where the quadratic ``curve [C]`` is highest."""
    low, high = around.min(0), around.max(0)
    result = minimize(
        lambda place: -(scheffe_terms(place) @ curve).item(),
        around[(scheffe_terms(around) @ curve).argmax()],
        method="SLSQP",
        bounds=list(zip(low, high, strict=True)),
        constraints={"type": "eq", "fun": lambda place: place.sum() - 1},
        options={"ftol": 1e-12},
    )
    rounded = np.clip(result.x, low, high).round(4)  # so that an expert alone is exactly that
    return rounded / rounded.sum()
