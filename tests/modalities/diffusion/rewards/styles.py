"""Two styles of pictures that a classifier can tell apart: stripes across and dots, in any bright colour."""

from __future__ import annotations

import torch
from torch import Tensor


def striped(count: int = 60, seed: int = 0) -> Tensor:
    """Every second row is half as bright."""
    images = _plain(count, seed)
    images[:, :, ::2] *= 0.5
    return images


def dotted(count: int = 60, seed: int = 0) -> Tensor:
    """One in sixteen pixels is half as bright."""
    images = _plain(count, seed)
    images[:, :, ::4, ::4] *= 0.5
    return images


def _plain(count: int, seed: int) -> Tensor:
    colours = 0.6 + 0.4 * torch.rand(count, 3, 1, 1, generator=torch.Generator().manual_seed(seed))
    return colours.expand(-1, 3, 32, 32).clone()
