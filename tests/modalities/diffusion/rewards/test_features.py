from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rsoup_lightning.modalities.diffusion.rewards.features import CONTRASTS, describe, histogram
from tests.modalities.diffusion.rewards.drawn import halves, plain, random


def test_at_the_places_of_the_grid_it_counts() -> None:
    """As numpy's histogram does, where every point lies in the middle of a bin."""
    points = torch.randint(5, (3, 100, 3), generator=torch.Generator().manual_seed(0)) / 4
    got = histogram(points, 5)
    for row, expected in zip(got, points.numpy(), strict=True):
        counts, _ = np.histogramdd(expected, bins=5, range=[(-0.125, 1.125)] * 3)
        assert row.numpy() == pytest.approx(counts.flatten() / 100, abs=1e-6)


def test_between_places_a_point_is_shared() -> None:
    shares = histogram(torch.tensor([[[0.25, 1.0]]]), 3).view(3, 3)
    assert shares.tolist() == [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]


def test_shares_sum_to_one_and_keep_the_mean() -> None:
    points = torch.rand(2, 50, 1, generator=torch.Generator().manual_seed(0))
    got = histogram(points, 7)
    assert got.sum(1).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert (got @ torch.linspace(0, 1, 7)).tolist() == pytest.approx(points.mean((1, 2)).tolist(), abs=1e-5)


def test_plain_pictures_have_no_contrast() -> None:
    features = describe(plain((0, 0, 0), (1, 0, 1)), 2)
    assert features.nonzero().tolist() == [[0, 0], [0, 8], [0, 16], [1, 5], [1, 8], [1, 16]]


def test_one_edge_in_closed_form() -> None:
    features = describe(halves((0, 0, 0), (1, 1, 1)), 2).square()[0]
    steps, bends = features[8 : 8 + CONTRASTS], features[8 + CONTRASTS :]
    # 32 of 2 * 31 * 32 steps are of 1; 64 of 2 * 30 * 32 bends are of a half
    assert steps[[0, -1]].tolist() == pytest.approx([1 - 1 / 62, 1 / 62], abs=1e-5)
    place = (CONTRASTS - 1) * math.log(51) / math.log(101)
    assert bends[[5, 6]].tolist() == pytest.approx([(6 - place) / 30, (place - 5) / 30], abs=1e-5)


def test_a_small_change_of_the_picture_is_small() -> None:
    """Of the shares: at an empty bin the square root is steep."""
    images = random(4)
    changes = [(describe(images * (1 - d), 8).square() - describe(images, 8).square()).norm() for d in (1e-3, 1e-2)]
    assert 0 < changes[0] < 0.2 * changes[1]


def test_larger_pictures_are_averaged_down() -> None:
    images = random(2)
    larger = images.repeat_interleave(3, 2).repeat_interleave(3, 3)
    assert torch.allclose(describe(larger, 4), describe(images, 4), atol=1e-3)


def test_chunks_change_nothing() -> None:
    images = random(600)
    assert torch.allclose(describe(images, 3)[[0, 599]], describe(images[[0, 599]], 3), atol=1e-6)
