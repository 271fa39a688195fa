from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, trim_mean

from rsoup_lightning.comparing.aggregate import (
    interquartile,
    interquartile_mean,
    mean_over_seeds,
    paired_difference,
    probability_of_improvement,
    stratified,
    superiority,
)

SCORES, OTHERS = np.random.default_rng(0).normal(size=(2, 7, 5)).round(1)  # with ties


def test_interquartile_mean_is_scipys_trimmed_mean() -> None:
    for seeds in range(1, 8):
        assert interquartile_mean(SCORES[:seeds]) == pytest.approx(trim_mean(SCORES[:seeds], 0.25, axis=None))
    assert interquartile_mean(np.stack([SCORES, OTHERS])).shape == (2,)


def test_probability_of_improvement_is_that_of_mann_and_whitney() -> None:
    statistics = [mannwhitneyu(own, other).statistic for own, other in zip(SCORES.T, OTHERS[:4].T, strict=True)]
    assert probability_of_improvement(SCORES, OTHERS[:4]) == pytest.approx(np.mean(statistics) / (7 * 4))
    both = probability_of_improvement(SCORES, OTHERS) + probability_of_improvement(OTHERS, SCORES)
    assert both == pytest.approx(1)


def test_seeds_are_drawn_within_their_task() -> None:
    draws = stratified(SCORES, np.random.default_rng(0), resamples=200)
    assert draws.shape == (200, 7, 5)
    for task in range(5):
        assert set(draws[..., task].ravel()) == set(SCORES[:, task])
    tasks_differ = np.tile(np.arange(5.0), (3, 1))  # and seeds do not
    assert interquartile(tasks_differ).ci95 == (2.0, 2.0)


def test_intervals_of_the_bootstrap_hold_what_they_are_of() -> None:
    of_mean, of_chance = interquartile(SCORES), superiority(SCORES, OTHERS)
    for estimate in (of_mean, of_chance):
        assert estimate.ci95 is not None and estimate.ci95[0] < estimate.value < estimate.ci95[1]
    assert superiority(SCORES + 9, SCORES).ci95 == (1.0, 1.0)
    assert interquartile(SCORES) == of_mean  # the same each time


def test_a_single_seed_has_no_interval() -> None:
    for estimate in (interquartile([[1.0, 2.0]]), superiority([[1.0]], [[0.0]]), mean_over_seeds([3.0])):
        assert estimate.ci95 is None


def test_difference_is_paired_by_seed() -> None:
    found = paired_difference([1.1, 2.1, 3.1], [1.0, 2.0, 3.0])
    assert found is not None and found.ci95 is not None
    assert (found.value, *found.ci95) == pytest.approx([0.05, 0.05, 0.05])
    assert paired_difference([1.0, 1.0], [0.0, 0.0]) is None
