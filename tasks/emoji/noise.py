"""Noise on pictures, as of a camera in the dark."""

from __future__ import annotations

import numpy as np
from PIL import Image


def with_noise(picture: Image.Image, strength: float, seed: int) -> Image.Image:
    """A picture in RGB with Gaussian noise of its own on every number of every pixel, cut off at black and white.

    Args:
        picture: in RGB; left as it is.
        strength: the noise's standard deviation, where black is 0 and white 1.
        seed: which noise.
    """
    pixels = np.asarray(picture, np.float32)
    noise = np.random.default_rng(seed).standard_normal(pixels.shape, np.float32)
    return Image.fromarray((pixels + 255 * strength * noise).round().clip(0, 255).astype(np.uint8))
