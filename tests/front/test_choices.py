from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from rsoup_lightning.front.choices import PRIOR, ChoicesError, bradley_terry, learn_preference


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
    assert learnt.standard_errors == pytest.approx(np.ptp(learnt.ci95, axis=1) / (2 * 1.96), rel=0.2)  # so many: normal
    assert learnt.sharpness == pytest.approx(8, rel=0.15)
    assert learnt.choices == 2000


def test_intervals_of_the_preference_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rsoup_lightning.front.choices.RESAMPLES", 100)
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
