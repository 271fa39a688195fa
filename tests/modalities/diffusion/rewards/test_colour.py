from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.rewards import Brightness, Colourfulness
from tests.modalities.diffusion.rewards.drawn import drawn, halves, plain, random


def test_plain_pictures_have_only_a_mean() -> None:
    got = Colourfulness()(drawn(plain((0.3, 0.3, 0.3), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0))))
    # red-green and yellow-blue of each colour, in 255ths
    opponents = [(0, 0), (1, 0.5), (-1, 0.5), (0, -1), (0, 1)]
    assert got.tolist() == pytest.approx([0.3 * 255 * math.hypot(*pair) for pair in opponents], abs=1e-3)


def test_two_colours_in_closed_form() -> None:
    got = Colourfulness()(drawn(torch.cat([halves((1, 0, 0), (0, 1, 0)), halves((0, 0, 1), (1, 1, 0))])))
    # red-green is 1 or -1, and yellow-blue 0.5; then 0, and yellow-blue is -1 or 1
    assert got.tolist() == pytest.approx([255 + 0.3 * 255 * 0.5, 255.0], abs=1e-3)


def test_equals_the_formula_in_numpy() -> None:
    images = random(5)
    for image, got in zip(images, Colourfulness()(drawn(images)).tolist(), strict=True):
        red, green, blue = np.float64(255) * image.numpy()
        rg, yb = red - green, 0.5 * (red + green) - blue
        expected = math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean())
        assert got == pytest.approx(expected, rel=1e-5)


def test_more_saturated_is_more_colourful() -> None:
    images = random(6)
    grey = images.mean(1, keepdim=True)
    values = torch.stack([Colourfulness()(drawn(grey + share * (images - grey))) for share in (0, 0.25, 0.5, 1)])
    assert (values.diff(dim=0) > 1).all()
    assert values[0].tolist() == pytest.approx([0] * 6, abs=1e-3)


def test_colourful_enough_is_enough() -> None:
    colours = drawn(plain((0.3, 0.3, 0.3), (0, 1, 0), (1, 0, 0)))  # 0, 0.3 * 255 * sqrt(1.25) twice
    assert Colourfulness(limit=82)(colours).tolist() == pytest.approx([0, 82, 82], abs=1e-3)
    assert Colourfulness(limit=86)(colours).tolist() == Colourfulness()(colours).tolist()
    with pytest.raises(ConfigError, match="limit is 0: all pictures are as colourful as that"):
        Colourfulness(limit=0)


def test_places_do_not_matter() -> None:
    images = random(4)
    shuffled = images.flatten(2)[:, :, torch.randperm(1024)].view_as(images)
    assert torch.allclose(Colourfulness()(drawn(images)), Colourfulness()(drawn(shuffled)), rtol=1e-4)


def test_brightness_is_luma() -> None:
    colours = [(0.2, 0.5, 0.9), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.4, 0.4, 0.4)]
    got = Brightness()(drawn(plain(*colours)))
    assert got.tolist() == pytest.approx([0.0598 + 0.2935 + 0.1026, 0.299, 0.587, 0.4], abs=1e-5)
    assert Brightness()(drawn(halves((0, 0, 0), (1, 1, 1)))).item() == pytest.approx(0.5)
