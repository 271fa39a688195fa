from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy import stats

from rsoup_lightning.front.geometry import FlatBoxError
from rsoup_lightning.front.preferences import Pick, best_coefficients
from rsoup_lightning.simplex import grid

PLACES = np.array(grid(2, 11))
EXACT = np.full((11, 2), 1e-3)


def _pick(
    coefficients: ArrayLike, scores: ArrayLike, errors: ArrayLike, preference: ArrayLike, freedom: int = 10**6
) -> Pick:
    """With as many entries as make Student's t normal, unless said otherwise."""
    return best_coefficients(coefficients, scores, errors, preference, degrees_of_freedom=freedom)


def _two(places: np.ndarray) -> np.ndarray:
    """Two rewards whose μ-utility is highest at λ = μ, where it is 1 - μ₁μ₂."""
    return np.stack([1 - (1 - places[:, 0]) ** 2, 1 - places[:, 0] ** 2], axis=1)


def _three(places: np.ndarray) -> np.ndarray:
    """Three rewards, 1 - |λ - corner|² / 2: the μ-utility is highest at λ = μ, where it is ½(1 + |μ|²)."""
    return np.stack([1 - np.square(places - corner).sum(1) / 2 for corner in np.eye(3)], axis=1)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.37, 0.5, 0.98, 1.0])
def test_two_quadratic_rewards_have_a_known_optimum(share: float) -> None:
    pick = _pick(PLACES, _two(PLACES), EXACT, [share, 1 - share])
    assert pick.coefficients == pytest.approx([share, 1 - share], abs=1e-4)
    assert pick.utility == pytest.approx(1 - share * (1 - share), abs=1e-7)
    assert pick.scores == pytest.approx(_two(np.array([[share, 1 - share]]))[0], abs=1e-3)
    assert PLACES[pick.nearest] == pytest.approx([share, 1 - share], abs=0.05)


@pytest.mark.parametrize("share", [-0.32, 1.2])
def test_an_optimum_beyond_the_experts_is_found_where_merges_were_measured_there(share: float) -> None:
    shares = np.linspace(-0.75, 1.75, 11)
    places = np.stack([shares, 1 - shares], axis=1)
    apart = (share - np.array([0.0, 1.0])) ** 2
    scores = np.stack([-np.square(shares - share), places[:, 0]], axis=1)
    pick = _pick(places, scores, EXACT, [1.0, 0.0])
    assert pick.coefficients == pytest.approx([share, 1 - share], abs=1e-4)
    assert pick.utility == pytest.approx(apart.max() / np.ptp(apart), abs=1e-6)


@pytest.mark.parametrize("kind", ["simplex", "pairs"])
@pytest.mark.parametrize("mu", [(0.23, 0.41, 0.36), (0.0, 0.55, 0.45), (0.0, 0.0, 1.0)])
def test_three_quadratic_rewards(mu: tuple[float, ...], kind: str) -> None:
    places = np.array(grid(3, 9, kind))  # type: ignore[arg-type]
    pick = _pick(places, _three(places), np.full((len(places), 3), 1e-3), mu)
    assert pick.coefficients == pytest.approx(mu, abs=2e-4)
    assert pick.utility == pytest.approx((1 + np.square(mu).sum()) / 2, abs=1e-6)
    assert pick.coefficients.sum() == pytest.approx(1, abs=1e-9)


def test_utility_is_free_of_units_and_scores_are_not() -> None:
    plain = _pick(PLACES, _two(PLACES), EXACT, [0.37, 0.63])
    scale, shift = np.array([1000.0, 0.01]), np.array([-5.0, 3.0])
    other = _pick(PLACES, _two(PLACES) * scale + shift, EXACT * scale, [0.37, 0.63])
    assert other.coefficients == pytest.approx(plain.coefficients)
    assert (other.utility, *other.utility_ci95) == pytest.approx((plain.utility, *plain.utility_ci95))
    assert other.scores == pytest.approx(plain.scores * scale + shift)
    assert other.standard_errors == pytest.approx(plain.standard_errors * scale)
    assert other.ci95 == pytest.approx(plain.ci95 * scale[:, None] + shift[:, None])


def test_gain_over_the_best_evaluated_point() -> None:
    pick = _pick(PLACES, _two(PLACES), EXACT, [0.37, 0.63])
    assert PLACES[pick.best] == pytest.approx([0.4, 0.6])
    assert pick.fitted == 7
    assert pick.gain == pytest.approx(0.03**2, abs=1e-6)  # the utility is a parabola of slope one


def test_gain_compares_two_utilities_of_one_fit() -> None:
    """Against polyfit: what was measured at the best of noisy points is too high to read a gain off."""
    rng, above, x = np.random.default_rng(5), [], PLACES[:, 0]
    for _ in range(40):
        scores = _two(PLACES) + rng.normal(0, 0.03, (11, 2))
        pick = _pick(PLACES, scores, np.full((11, 2), 0.03) * np.ptp(scores[[0, 10]], axis=0), [0.4, 0.6])
        if pick.predicted is None:
            assert pick.gain == 0
            continue
        around = np.argsort(np.abs(x - x[pick.best]), kind="stable")[: pick.fitted]
        curve = np.polyfit(x[around], pick.measured[around], 2)
        assert pick.utility == pytest.approx(np.polyval(curve, pick.coefficients[0]))
        assert pick.predicted == pytest.approx(np.polyval(curve, x))
        assert pick.gain == pytest.approx(pick.utility - np.polyval(curve, x[pick.best]))
        above.append(pick.measured[pick.best] - pick.utility)
    assert max(above) > 0.01


def test_a_peak_that_the_fit_misses_keeps_the_best_point() -> None:
    scores = _two(PLACES)
    scores[6] += 0.5
    pick = _pick(PLACES, scores, EXACT, [0.4, 0.6])
    assert (pick.fitted, pick.gain, pick.best, pick.nearest) == (0, 0.0, 6, 6)
    assert pick.coefficients.tolist() == PLACES[6].tolist()
    assert pick.scores == pytest.approx(scores[6])
    assert pick.standard_errors == pytest.approx(EXACT[6])
    assert np.ptp(pick.ci95, axis=1) == pytest.approx(2 * stats.t.ppf(0.975, 10**6) * EXACT[6])


@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_intervals_of_a_point_are_students_over_its_seeds(seeds: int) -> None:
    values = np.random.default_rng(6).normal(0, 0.01, (2, 2, seeds)) + np.array([[[1], [0]], [[0], [1]]])
    pick = _pick(np.eye(2), values.mean(-1), stats.sem(values, axis=-1), [0.6, 0.4], freedom=seeds - 1)
    assert pick.fitted == 0
    best = values[int(pick.coefficients[1])]
    low, high = stats.t.interval(0.95, seeds - 1, loc=best.mean(-1), scale=stats.sem(best, axis=-1))
    np.testing.assert_allclose(pick.ci95, np.stack([low, high], axis=-1), rtol=1e-9)


@pytest.mark.parametrize("correlation", [1.0, 0.5, 0.0, -1.0])
def test_the_interval_of_utility_holds_that_of_utilities_per_entry(correlation: float) -> None:
    """Rewards are given to the same entries: where they err alike, the errors of utility add up."""
    entries, mu = 12, np.array([0.6, 0.4])
    first, other = np.random.default_rng(7).normal(0, 0.1, (2, entries))
    second = correlation * first + np.sqrt(1 - correlation**2) * other
    low_corner = np.array([0.0, 1.0])[:, None] + np.zeros((2, entries))
    values = np.stack([np.stack([1 + first, second]), low_corner])
    worst, width = values.mean(-1).min(0), np.ptp(values.mean(-1), axis=0)
    pick = _pick(np.eye(2), values.mean(-1), stats.sem(values, axis=-1), mu, freedom=entries - 1)
    assert pick.coefficients.tolist() == [1, 0]
    utilities = mu @ ((values[0] - worst[:, None]) / width[:, None])
    error = stats.sem(utilities)
    low, high = stats.t.interval(0.95, entries - 1, loc=utilities.mean(), scale=error)
    if correlation == 1:
        assert pick.utility_standard_error == pytest.approx(error)
        assert pick.utility_ci95 == pytest.approx([low, high])
    assert pick.utility_ci95[0] - 1e-9 <= low < high <= pick.utility_ci95[1] + 1e-9


def test_a_residual_has_degrees_of_freedom_of_its_own() -> None:
    """Scores that alternate around a parabola in λ, against polyfit through the seven points of the window."""
    jump = 0.004
    scores = _two(PLACES) + jump * (-1.0) ** np.arange(11)[:, None]
    pick = _pick(PLACES, scores, np.full((11, 2), 0.6 * jump), [0.45, 0.55])
    assert pick.fitted == 7
    window = np.abs(PLACES[:, 0] - PLACES[pick.best, 0]) < 0.35
    for reward in range(2):
        x, y = PLACES[window, 0], scores[window, reward]
        curve, rest, *_ = np.polyfit(x, y, 2, full=True)
        error = np.sqrt(rest[0] / (7 - 3))
        assert pick.scores[reward] == pytest.approx(np.polyval(curve, pick.coefficients[0]))
        assert pick.standard_errors[reward] == pytest.approx(error)
        assert np.ptp(pick.ci95[reward]) == pytest.approx(2 * stats.t.ppf(0.975, 4) * error)


def test_a_single_reward_is_served_no_worse_than_by_its_expert() -> None:
    rng = np.random.default_rng(0)
    for _, corner in product(range(50), (0, 10)):
        scores = 1 - (1 - PLACES) ** 4 + rng.normal(0, 0.1, (11, 2))  # flat around the expert: the fit often leaves it
        mu = PLACES[corner]
        pick = _pick(PLACES, scores, np.full((11, 2), 0.1), mu)
        alone = np.array_equal(pick.coefficients, mu)
        assert alone or pick.utility >= pick.measured[corner]


def test_too_few_points_to_fit() -> None:
    corners = np.eye(2)
    pick = _pick(corners, [[1, 0], [0, 1]], np.full((2, 2), 0.1), [0.4, 0.6])
    assert (pick.fitted, pick.coefficients.tolist()) == (0, [0.0, 1.0])
    centre = np.array(grid(3, 2, "uniform"))
    assert _pick(centre, _three(centre), np.full((4, 3), 0.1), [0.5, 0.3, 0.2]).fitted == 0


def test_scores_without_spread() -> None:
    pick = _pick(PLACES, _two(PLACES), np.zeros((11, 2)), [0.37, 0.63])
    assert pick.coefficients[0] == pytest.approx(0.37, abs=1e-4)
    assert np.ptp(pick.utility_ci95) == pytest.approx(0, abs=1e-9)


def test_a_flat_reward_is_refused() -> None:
    with pytest.raises(FlatBoxError, match="reward number 1"):
        _pick(PLACES, _two(PLACES) * [1, 0], EXACT, [0.5, 0.5])


@pytest.mark.parametrize("seeds", [3, 50])
@pytest.mark.parametrize(("paired", "low", "high"), [(True, 0.92, 0.98), (False, 0.95, 1.0)])
def test_intervals_cover(seeds: int, paired: bool, low: float, high: float) -> None:
    """Of errors that are equal at all λ 95 % are covered, of independent ones no fewer; however few seeds there are."""
    rng, held = np.random.default_rng(1), []
    for _ in range(250):
        share = rng.random()
        noise = np.broadcast_to(rng.normal(0, 0.03 * np.sqrt(seeds), (1 if paired else 11, 2, seeds)), (11, 2, seeds))
        errors = stats.sem(noise, axis=-1)
        pick = _pick(PLACES, _two(PLACES) + noise.mean(-1), errors, [share, 1 - share], freedom=seeds - 1)
        truth = _two(pick.coefficients[None])[0]
        held.extend((pick.ci95[:, 0] <= truth) & (truth <= pick.ci95[:, 1]))
    assert low <= np.mean(held) <= high


def test_the_fit_beats_the_best_of_noisy_points() -> None:
    rng, picked, best = np.random.default_rng(2), [], []
    for _ in range(200):
        share = rng.random()
        scores = _two(PLACES) + rng.normal(0, 0.03, (11, 2))
        pick = _pick(PLACES, scores, np.full((11, 2), 0.03), [share, 1 - share])
        picked.append((pick.coefficients[0] - share) ** 2)  # the regret: utility is a parabola around μ
        best.append((PLACES[pick.best, 0] - share) ** 2)
    assert np.mean(picked) < 0.6 * np.mean(best)
