from __future__ import annotations

import numpy as np
import pytest

from rsoup_lightning.front.quadratic import predict, scheffe_terms, smoothers, window_around
from rsoup_lightning.simplex import grid

PLACES = np.array(grid(3, 6))


def test_a_window_holds_the_nearest_and_can_tell_a_quadratic() -> None:
    center = np.array([0.8, 0.1, 0.1])
    window = window_around(PLACES, center)
    assert window is not None
    distances = np.linalg.norm(PLACES - center, axis=1)
    assert distances[window].max() <= distances[~window].min()
    assert np.linalg.matrix_rank(scheffe_terms(PLACES[window])) == 6


def test_too_few_merges_tell_nothing() -> None:
    assert window_around(np.eye(3), np.full(3, 1 / 3)) is None


def test_a_quadratic_is_predicted_exactly() -> None:
    scores = np.stack([PLACES[:, 0] * PLACES[:, 1], PLACES[:, 2] ** 2], axis=1)
    noise = np.full(scores.shape, 0.01)
    at = np.array([0.31, 0.27, 0.42])
    means, errors, halves = predict(scheffe_terms(at)[0], PLACES, smoothers(PLACES, noise), scores, noise, 2.0)
    assert means == pytest.approx([0.31 * 0.27, 0.42**2])
    assert halves == pytest.approx(2 * errors) and (errors >= 0.01 - 1e-9).all()  # as if all errors were equal
