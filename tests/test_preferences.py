from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq

from rsoup_lightning.fronts import FlatBoxError
from rsoup_lightning.preferences import PRIOR, ChoicesError, best_coefficients, bradley_terry, learn_preference
from rsoup_lightning.simplex import grid

PLACES = np.array(grid(2, 11))
EXACT = np.full((11, 2), 1e-3)


def _two(places: np.ndarray) -> np.ndarray:
    """Two rewards whose μ-utility is highest at λ = μ, where it is 1 - μ₁μ₂."""
    return np.stack([1 - (1 - places[:, 0]) ** 2, 1 - places[:, 0] ** 2], axis=1)


def _three(places: np.ndarray) -> np.ndarray:
    """Three rewards, 1 - |λ - corner|² / 2: the μ-utility is highest at λ = μ, where it is ½(1 + |μ|²)."""
    return np.stack([1 - np.square(places - corner).sum(1) / 2 for corner in np.eye(3)], axis=1)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.37, 0.5, 0.98, 1.0])
def test_two_quadratic_rewards_have_a_known_optimum(share: float) -> None:
    pick = best_coefficients(PLACES, _two(PLACES), EXACT, [share, 1 - share])
    assert pick.coefficients == pytest.approx([share, 1 - share], abs=1e-4)
    assert pick.utility == pytest.approx(1 - share * (1 - share), abs=1e-7)
    assert pick.scores == pytest.approx(_two(np.array([[share, 1 - share]]))[0], abs=1e-3)
    assert PLACES[pick.nearest] == pytest.approx([share, 1 - share], abs=0.05)


@pytest.mark.parametrize("kind", ["simplex", "pairs"])
@pytest.mark.parametrize("mu", [(0.23, 0.41, 0.36), (0.0, 0.55, 0.45), (0.0, 0.0, 1.0)])
def test_three_quadratic_rewards(mu: tuple[float, ...], kind: str) -> None:
    places = np.array(grid(3, 9, kind))  # type: ignore[arg-type]
    pick = best_coefficients(places, _three(places), np.full((len(places), 3), 1e-3), mu)
    assert pick.coefficients == pytest.approx(mu, abs=2e-4)
    assert pick.utility == pytest.approx((1 + np.square(mu).sum()) / 2, abs=1e-6)
    assert pick.coefficients.sum() == pytest.approx(1, abs=1e-9)


def test_utility_is_free_of_units_and_scores_are_not() -> None:
    plain = best_coefficients(PLACES, _two(PLACES), EXACT, [0.37, 0.63])
    scale, shift = np.array([1000.0, 0.01]), np.array([-5.0, 3.0])
    other = best_coefficients(PLACES, _two(PLACES) * scale + shift, EXACT * scale, [0.37, 0.63])
    assert other.coefficients == pytest.approx(plain.coefficients)
    assert (other.utility, *other.utility_ci95) == pytest.approx((plain.utility, *plain.utility_ci95))
    assert other.scores == pytest.approx(plain.scores * scale + shift)
    assert other.ci95 == pytest.approx(plain.ci95 * scale[:, None] + shift[:, None])


def test_gain_over_the_best_evaluated_point() -> None:
    pick = best_coefficients(PLACES, _two(PLACES), EXACT, [0.37, 0.63])
    assert PLACES[pick.best] == pytest.approx([0.4, 0.6])
    assert pick.fitted == 7
    assert pick.gain == pytest.approx(0.03**2, abs=1e-6)  # the utility is a parabola of slope one


def test_a_peak_that_the_fit_misses_keeps_the_best_point() -> None:
    scores = _two(PLACES)
    scores[6] += 0.5
    pick = best_coefficients(PLACES, scores, EXACT, [0.4, 0.6])
    assert (pick.fitted, pick.gain, pick.best, pick.nearest) == (0, 0.0, 6, 6)
    assert pick.coefficients.tolist() == PLACES[6].tolist()
    assert pick.scores == pytest.approx(scores[6])
    assert np.ptp(pick.ci95, axis=1) == pytest.approx(2 * 1.96 * EXACT[6])


def test_a_single_reward_is_served_no_worse_than_by_its_expert() -> None:
    rng = np.random.default_rng(0)
    for _, corner in product(range(50), (0, 10)):
        scores = 1 - (1 - PLACES) ** 4 + rng.normal(0, 0.1, (11, 2))  # flat around the expert: the fit often leaves it
        mu = PLACES[corner]
        pick = best_coefficients(PLACES, scores, np.full((11, 2), 0.1), mu)
        alone = np.array_equal(pick.coefficients, mu)
        assert alone or pick.utility >= pick.measured[corner]


def test_too_few_points_to_fit() -> None:
    corners = np.eye(2)
    pick = best_coefficients(corners, [[1, 0], [0, 1]], np.full((2, 2), 0.1), [0.4, 0.6])
    assert (pick.fitted, pick.coefficients.tolist()) == (0, [0.0, 1.0])
    centre = np.array(grid(3, 2, "uniform"))
    assert best_coefficients(centre, _three(centre), np.full((4, 3), 0.1), [0.5, 0.3, 0.2]).fitted == 0


def test_scores_without_spread() -> None:
    pick = best_coefficients(PLACES, _two(PLACES), np.zeros((11, 2)), [0.37, 0.63])
    assert pick.coefficients[0] == pytest.approx(0.37, abs=1e-4)
    assert np.ptp(pick.utility_ci95) == pytest.approx(0, abs=1e-9)


def test_a_flat_reward_is_refused() -> None:
    with pytest.raises(FlatBoxError, match="reward number 1"):
        best_coefficients(PLACES, _two(PLACES) * [1, 0], EXACT, [0.5, 0.5])


@pytest.mark.parametrize(("paired", "low", "high"), [(True, 0.92, 0.98), (False, 0.95, 1.0)])
def test_intervals_cover(paired: bool, low: float, high: float) -> None:
    """Of errors that are equal at all λ 95 % are covered, of independent ones no fewer."""
    rng, sd, held = np.random.default_rng(1), 0.03, []
    for _ in range(400):
        share = rng.random()
        noise = rng.normal(0, sd, (1 if paired else 11, 2))
        pick = best_coefficients(PLACES, _two(PLACES) + noise, np.full((11, 2), sd), [share, 1 - share])
        truth = _two(pick.coefficients[None])[0]
        held.extend((pick.ci95[:, 0] <= truth) & (truth <= pick.ci95[:, 1]))
    assert low <= np.mean(held) <= high


def test_the_fit_beats_the_best_of_noisy_points() -> None:
    rng, picked, best = np.random.default_rng(2), [], []
    for _ in range(200):
        share = rng.random()
        scores = _two(PLACES) + rng.normal(0, 0.03, (11, 2))
        pick = best_coefficients(PLACES, scores, np.full((11, 2), 0.03), [share, 1 - share])
        picked.append((pick.coefficients[0] - share) ** 2)  # the regret: utility is a parabola around μ
        best.append((PLACES[pick.best, 0] - share) ** 2)
    assert np.mean(picked) < 0.6 * np.mean(best)


def test_bradley_terry_on_orthogonal_choices() -> None:
    """Choices that differ in one reward only separate: each w_r solves its own equation."""
    wins, losses = np.array([70, 60]), np.array([30, 40])
    differences = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    expected = [
        brentq(lambda w, a=a, b=b: a / (1 + np.exp(w)) - b / (1 + np.exp(-w)) - w / PRIOR**2, 0, 5)
        for a, b in zip(wins, losses, strict=True)
    ]
    w = bradley_terry(differences, [70, 30, 60, 40])
    assert w == pytest.approx(expected, rel=1e-4)
    assert w == pytest.approx(np.log(wins / losses), rel=1e-2)


def _choices(rng: np.random.Generator, mu: np.ndarray, sharpness: float, count: int) -> np.ndarray:
    """Differences between random points, turned round where the simulated user prefers the other."""
    differences = rng.random((count, len(mu))) - rng.random((count, len(mu)))
    preferred = rng.random(count) < 1 / (1 + np.exp(-sharpness * differences @ mu))
    return np.where(preferred[:, None], differences, -differences)


def test_the_preference_behind_the_choices_is_found() -> None:
    mu = np.array([0.6, 0.3, 0.1])
    learnt = learn_preference(_choices(np.random.default_rng(3), mu, 8.0, 2000))
    assert learnt.preference.sum() == pytest.approx(1)
    assert np.all((learnt.ci95[:, 0] <= mu) & (mu <= learnt.ci95[:, 1]))
    assert np.ptp(learnt.ci95, axis=1).max() < 0.12
    assert learnt.sharpness == pytest.approx(8, rel=0.15)
    assert learnt.choices == 2000


def test_intervals_of_the_preference_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rsoup_lightning.preferences.RESAMPLES", 100)
    rng, mu, held = np.random.default_rng(4), np.array([0.65, 0.35]), []
    for _ in range(40):
        low, high = learn_preference(_choices(rng, mu, 6.0, 150)).ci95[0]
        held.append(low <= mu[0] <= high)
    assert 0.85 <= np.mean(held) <= 1


def test_a_reward_that_choices_contradict_weighs_nothing() -> None:
    learnt = learn_preference([[1.0, -0.5]] * 20 + [[0.2, -1.0]] * 20)
    assert learnt.preference.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("differences", "reason"),
    [([[0.0, 0.0]] * 3, "say nothing"), ([[-1.0, -0.1], [-0.2, 0.0]], "contradict every reward")],
)
def test_choices_without_a_preference(differences: list[list[float]], reason: str) -> None:
    with pytest.raises(ChoicesError, match=reason):
        learn_preference(differences)
