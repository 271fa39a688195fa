from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tasks.emoji.noise import with_noise

GREY = Image.new("RGB", (200, 200), (128, 128, 128))


def test_noise_has_the_strength_asked_for_and_no_colour_of_its_own() -> None:
    difference = (np.asarray(with_noise(GREY, 0.1, 0), float) - 128) / 255
    assert difference.std() == pytest.approx(0.1, rel=0.02)
    assert difference.mean(axis=(0, 1)) == pytest.approx([0, 0, 0], abs=0.003)


def test_noise_depends_on_its_seed_alone() -> None:
    once, again, other = (with_noise(GREY, 0.1, seed).tobytes() for seed in (1, 1, 2))
    assert once == again != other


def test_no_strength_is_no_noise() -> None:
    assert with_noise(GREY, 0, 0).tobytes() == GREY.tobytes()


def test_strong_noise_does_not_wrap_around() -> None:
    white = np.asarray(with_noise(Image.new("RGB", (50, 50), "white"), 0.05, 0))
    assert white.min() > 128
