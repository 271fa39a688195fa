from __future__ import annotations

import math

import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.rewards import Warmth
from rsoup_lightning.modalities.diffusion.rewards.warmth import cielab, mean_warmth, warmth
from tests.modalities.diffusion.rewards.drawn import drawn, halves, plain, random

WHITE, SKY, ORANGE = (1.0, 1.0, 1.0), (0.4, 0.6, 0.9), (1.0, 0.6, 0.0)


def test_cielab_of_the_primaries() -> None:
    got = cielab(plain((1, 0, 0), (0, 1, 0), (0, 0, 1), WHITE, (0, 0, 0), side=1)).flatten(1)
    # as published for sRGB and D65, to four digits
    expected = [[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [100, 0, 0], [0, 0, 0]]
    assert torch.allclose(got, torch.tensor(expected), atol=0.01)


def test_cielab_of_greys_by_hand() -> None:
    # 0.5 is ((0.5 + 0.055) / 1.055) ** 2.4 of white's light, and 0.02 is 0.02 / 12.92 of it, on the straight part
    half, dark = ((0.5 + 0.055) / 1.055) ** 2.4, 0.02 / 12.92
    got = cielab(plain((0.5, 0.5, 0.5), (0.02, 0.02, 0.02), side=1))
    assert got[:, 0].flatten().tolist() == pytest.approx([116 * half ** (1 / 3) - 16, dark * (29 / 3) ** 3], abs=1e-3)
    assert got[:, 1:].flatten().tolist() == pytest.approx([0] * 4, abs=1e-3)


def test_warmth_by_hand() -> None:
    def of(chroma: float, hue: float) -> float:
        angle = math.radians(hue)
        colour = torch.tensor([50, chroma * math.cos(angle), chroma * math.sin(angle)]).view(1, 3, 1, 1)
        return warmth(colour).item()

    assert of(0, 0) == pytest.approx(-0.5)
    # 10 ** 1.07 is 11.749, and 100 ** 1.07 is 138.04
    assert of(10, 50) == pytest.approx(-0.5 + 0.02 * 11.749, abs=1e-4)
    assert of(100, 230) == pytest.approx(-0.5 - 0.02 * 138.04, abs=1e-4)
    assert [of(100, 140), of(10, 320)] == pytest.approx([-0.5] * 2, abs=1e-5)
    assert of(100, 110) == pytest.approx(-0.5 + 0.01 * 138.04, abs=1e-4)


def test_a_picture_is_as_warm_as_what_is_seen_of_it() -> None:
    sky, orange = mean_warmth(plain(SKY, ORANGE)).tolist()
    assert sky < -1 < 1 < orange
    got = mean_warmth(torch.cat([halves(SKY, ORANGE), halves(WHITE, ORANGE), halves(SKY, WHITE)]))
    assert got.tolist() == pytest.approx([(sky + orange) / 2, orange, sky], abs=1e-5)


def test_a_tinted_background_earns_nothing() -> None:
    cream = (1.0, 0.98, 0.92)
    assert mean_warmth(plain(cream)) > mean_warmth(plain(WHITE))
    assert Warmth(ideal=1.0)(drawn(halves(cream, SKY))).item() == Warmth(ideal=1.0)(drawn(halves(WHITE, SKY))).item()


def test_an_empty_picture_is_white() -> None:
    assert mean_warmth(plain(WHITE)).item() == pytest.approx(-0.5, abs=1e-3)


def test_the_ideal_is_best_and_both_sides_cost_the_squared_distance() -> None:
    images = random(6)
    warm = mean_warmth(images)
    assert Warmth(ideal=warm[0].item())(drawn(images))[0].item() == pytest.approx(0, abs=1e-10)
    for ideal in (-0.6, 0.4):
        assert torch.allclose(Warmth(ideal)(drawn(images)), -((warm - ideal) ** 2))


@pytest.mark.parametrize("ideal", [math.nan, math.inf])
def test_refuses_an_ideal_that_nothing_has(ideal: float) -> None:
    with pytest.raises(ConfigError, match="give a warmth, such as"):
        Warmth(ideal)
