"""Pictures in RGB, as tensors for small models, and for people to look at: small, and as files."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL.Image import Image, Resampling, alpha_composite
from PIL.Image import new as new_picture
from torch import Tensor

LARGEST = 256  # pixels


def in_rgb(picture: Image, background: str | tuple[int, int, int] = "white") -> Image:
    """A picture of any mode in RGB, over a plain colour where it is transparent.

    Everything that sees pictures takes them by this: Pillow's own conversion puts what is transparent on whatever
    colour lies hidden there, mostly black.

    Args:
        picture: of any mode.
        background: a colour's name or hexadecimal digits as Pillow reads them, or red, green and blue from 0 to 255.
    """
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    shown = picture.convert("RGBA")
    return alpha_composite(new_picture("RGBA", shown.size, background), shown).convert("RGB")


def shrunk(picture: Image) -> Image:
    """A copy of a picture that is no longer than 256 pixels either way."""
    copy = picture.copy()
    copy.thumbnail((LARGEST, LARGEST))
    return copy


def encoded(picture: Image) -> bytes:
    """A picture as WebP, without loss where it is small."""
    stream = io.BytesIO()
    picture.save(stream, "WEBP", lossless=max(picture.size) <= 128)
    return stream.getvalue()


def as_bytes(picture: Image, side: int) -> Tensor:
    """``[3, side, side]`` red, green and blue of a picture, from 0 to 255, brought to that width and height."""
    resized = in_rgb(picture).resize((side, side), Resampling.LANCZOS)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1)
