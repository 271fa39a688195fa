"""The best coefficients λ for a user's preference μ, and μ itself from choices between policies.

The utility of scores is Σ_r μ_r s_r with s normalised in the experts' box (0 = the worst expert's score, 1 = the best
one's): rewards have different units, and only so does a μ of one half mean half.

Notation: P evaluated merges, E experts, R rewards, C terms of a quadratic, N choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.fronts import normalise

Array = NDArray[np.float64]

QUANTILE = 1.96  # half of a 95 % interval, in standard deviations
PRIOR = 10.0  # standard deviation of w: it lets a choice across the whole box be all but certain
RESAMPLES = 400  # of the choices, behind the interval of μ


class ChoicesError(RSoupError):
    """Choices that name unknown points, or from which no preference can be learnt."""


@dataclass(frozen=True)
class Pick:
    """The chosen λ.

    Attributes:
        coefficients: ``[E]`` λ.
        scores: ``[R]`` predicted, in the rewards' units.
        ci95: ``[R, 2]`` of the scores.
        utility: of the scores.
        utility_ci95: ``[2]``, with the rewards as independent, μ and the experts' box as exact.
        measured: ``[P]`` utility of each merge.
        best: which merge has the highest of these.
        nearest: which merge is nearest to λ.
        fitted: how many merges the prediction comes from; 0 where λ is the best merge and the scores as measured.
        gain: predicted utility above that of the best merge, both as fitted.
    """

    coefficients: Array
    scores: Array
    ci95: Array
    utility: float
    utility_ci95: Array
    measured: Array
    best: int
    nearest: int
    fitted: int
    gain: float


def best_coefficients(coefficients: ArrayLike, scores: ArrayLike, sd: ArrayLike, preference: ArrayLike) -> Pick:
    """The λ of highest utility: the best evaluated merge, refined by a quadratic fitted to the merges around it.

    The fit compares its own optimum with the best merge, both as fitted: what was measured at the best of many is too
    high, as its noise helped to select it. λ stays on the best merge where the fit finds nothing better, misses what
    was measured there by more than its interval, or promises less than some expert was measured to have.

    Merges are evaluated on the same samples, so their errors may be anything from independent to equal: a prediction
    gets the wider standard deviation of these two, or the fit's own residual where that is wider still. Errors of
    different rewards count as independent.

    Args:
        coefficients: ``[P, E]`` λ of the evaluated merges, every expert alone among them.
        scores: ``[P, R]`` their mean scores.
        sd: ``[P, R]`` standard deviations of these means.
        preference: ``[R]`` μ.

    Raises:
        FlatBoxError: a reward on which all experts score the same.
    """
    places, raw, weights = (np.asarray(value, float) for value in (coefficients, scores, preference))
    corners = [int((places[:, expert] == 1).argmax()) for expert in range(places.shape[1])]
    unit = normalise(raw, raw[corners])
    width, worst = np.ptp(raw[corners], axis=0), raw[corners].min(0)
    noise = np.asarray(sd, float) / width
    measured = unit @ weights
    best = int(measured.argmax())
    place, means, deviations, fitted, gain = places[best], unit[best], noise[best], 0, 0.0

    window = _window(places, best)
    if window is not None:
        smooth = _smoothers(places[window], noise[window])
        curve = np.einsum("r,rcp,pr->c", weights, smooth, unit[window])
        found = _maximise(places[window], curve)
        terms = scheffe_terms(np.stack([found, places[best]]))
        at_found, at_best = terms @ curve
        experts = max(measured[corner] for corner in corners if not np.array_equal(places[corner], found))
        missed = measured[best] - at_best > QUANTILE * np.linalg.norm(weights * noise[best])
        if at_found > at_best and at_found >= experts and not missed:
            place, fitted, gain = found, int(window.sum()), float(at_found - at_best)
            means, deviations = _predict(terms[0], places[window], smooth, unit[window], noise[window])

    center, half = worst + width * means, QUANTILE * width * deviations
    utility, spread = float(weights @ means), QUANTILE * np.linalg.norm(weights * deviations)
    return Pick(
        place,
        center,
        np.stack([center - half, center + half], axis=1),
        utility,
        np.array([utility - spread, utility + spread]),
        measured,
        best,
        int(np.linalg.norm(places - place, axis=1).argmin()),
        fitted,
        gain,
    )


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


def _smoothers(around: Array, sd: Array) -> Array:
    """``[R, C, P]`` matrices from scores to terms: least squares weighted by 1/sd², per reward."""
    floor = sd.max(0) / 10  # a score that happens to be constant on the samples is not known exactly
    certainty = 1 / np.where(floor > 0, np.maximum(sd, floor), 1.0)
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


def _predict(terms: Array, around: Array, smooth: Array, scores: Array, sd: Array) -> tuple[Array, Array]:
    """``[R]`` means and ``[R]`` standard deviations at a λ with ``terms [C]``; see :func:`best_coefficients`."""
    shares = np.einsum("c,rcp->pr", terms, smooth)
    fitted = scheffe_terms(around) @ np.einsum("rcp,pr->cr", smooth, scores)
    freedom = max(len(around) - len(terms), 1)
    residual = np.sqrt(np.square(scores - fitted).sum(0) / freedom)
    independent, equal = np.linalg.norm(shares * sd, axis=0), np.abs((shares * sd).sum(0))
    return (shares * scores).sum(0), np.maximum.reduce([independent, equal, residual])


@dataclass(frozen=True)
class Learnt:
    """A preference learnt from choices.

    Attributes:
        preference: ``[R]`` μ.
        ci95: ``[R, 2]`` bootstrap interval of μ over the choices: too narrow for a handful of them.
        sharpness: β, the log-odds with which a whole unit of utility is preferred.
        choices: N.
    """

    preference: Array
    ci95: Array
    sharpness: float
    choices: int


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
    limits = np.quantile(draws / draws.sum(1, keepdims=True), [0.025, 0.975], axis=0).T
    return Learnt(w / w.sum(), limits, float(w.sum()), total)
