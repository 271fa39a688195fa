from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rsoup_lightning.front.intervals import (
    bootstrap_interval,
    bootstrap_means,
    standard_error,
    student_interval,
    student_quantile,
)


@pytest.mark.parametrize("size", [2, 3, 30])
def test_standard_error_and_interval_are_those_of_scipy(size: int) -> None:
    values = np.random.default_rng(0).gamma(2.0, 3.0, (4, size))
    error = stats.sem(values, axis=-1)
    np.testing.assert_allclose(standard_error(values), error, rtol=1e-12)
    low, high = stats.t.interval(0.95, size - 1, loc=values.mean(-1), scale=error)
    np.testing.assert_allclose(student_interval(values), np.stack([low, high], axis=-1), rtol=1e-9)
    assert student_quantile(size - 1) == pytest.approx(stats.t.ppf(0.975, size - 1), rel=1e-9)


def test_resampled_means_spread_by_the_standard_error() -> None:
    """The bootstrap of a mean has the closed form Σ (x - x̄)² / S²: s² / S but for the factor (S - 1) / S."""
    values = np.random.default_rng(1).normal(3, 2, 25)
    spread = bootstrap_means(values, resamples=20000).std()
    assert spread == pytest.approx(standard_error(values) * np.sqrt(24 / 25), rel=0.02)


def test_one_value_tells_nothing_of_its_spread() -> None:
    for estimate in (standard_error, student_interval, bootstrap_interval):
        assert np.isnan(estimate([[2.0], [3.0]])).all()


def test_a_constant_has_an_interval_of_exactly_itself() -> None:
    for value in (16.0, 0.1, -1e9 / 3):
        constant = np.full(200, value)
        assert standard_error(constant) == 0
        assert bootstrap_interval(constant).tolist() == [value, value]


def test_bootstrap_interval_covers_as_it_should() -> None:
    generator = np.random.default_rng(3)
    covered = 0
    for trial in range(300):
        low, high = bootstrap_interval(generator.normal(1, 1, 60), resamples=400, seed=trial)
        covered += low <= 1 <= high
    assert 0.90 <= covered / 300 <= 0.98
