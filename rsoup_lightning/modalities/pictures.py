"""Pictures as tensors for small models, and for people to look at: small, and as files."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL.Image import Image, Resampling
from torch import Tensor

LARGEST = 256  # pixels


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
    resized = picture.convert("RGB").resize((side, side), Resampling.LANCZOS)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1)
