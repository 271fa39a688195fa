"""What a picture looks like in some numbers: how often which colours and which contrasts occur in it, not where.

Counts are shared between neighbouring bins, so that a small change of a picture is a small change of its features.
Their square roots are taken: rare colours count, and the features of a picture have a bounded length.
"""

from __future__ import annotations

import math
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

SIDE = 32
"""Pictures are averaged down to so many pixels per side."""
CONTRASTS = 8
"""Bins of a contrast."""

_FAINT = 0.01
_CHUNK = 512


def describe(images: Tensor, colours: int) -> Tensor:
    """``[B, colours ** 3 + 2 * CONTRASTS]`` the features, each from 0 to 1: colours, steps to the next pixel, bends.

    Args:
        images: ``[B, 3, H, W]`` from 0 to 1, at least ``SIDE`` pixels high and wide.
        colours: bins of each channel, at least two.

    >>> describe(torch.ones(1, 3, 40, 32), 2).nonzero()[:, 1].tolist()  # white only, and neither step nor bend
    [7, 8, 16]
    """
    return torch.cat([_describe(chunk, colours) for chunk in images.split(_CHUNK)])


def _describe(images: Tensor, colours: int) -> Tensor:
    images = adaptive_avg_pool2d(images, SIDE)
    shares = [histogram(images.flatten(2).mT, colours)]
    for order in (1, 2):  # a bend is how far a pixel is from the middle of its two neighbours
        changes = [images.diff(order, dim=axis).abs().flatten(1) / order for axis in (2, 3)]
        scaled = torch.log1p(torch.cat(changes, 1) / _FAINT) / math.log1p(1 / _FAINT)
        shares.append(histogram(scaled.unsqueeze(2), CONTRASTS))
    return torch.cat(shares, 1).sqrt()


def histogram(points: Tensor, bins: int) -> Tensor:
    """``[B, bins ** D]`` the share of points near each place of a grid, the last axis fastest; a row sums to 1.

    Each point is shared among the corners of the grid's cell it lies in, as in linear interpolation.

    Args:
        points: ``[B, N, D]`` from 0 to 1.
        bins: places of each axis, the first at 0 and the last at 1.

    >>> histogram(torch.tensor([[[0.0], [0.75]]]), 3).tolist()
    [[0.5, 0.25, 0.25]]
    """
    places = points * (bins - 1)
    low = places.floor().clamp(max=bins - 2)
    high_share = places - low
    strides = low.new_tensor([bins**power for power in reversed(range(points.shape[2]))])
    counts = points.new_zeros(len(points), bins ** points.shape[2])
    for corner in product((0.0, 1.0), repeat=points.shape[2]):
        upper = low.new_tensor(corner)
        shares = torch.where(upper > 0, high_share, 1 - high_share).prod(2)
        counts.scatter_add_(1, ((low + upper) @ strides).long(), shares)
    return counts / points.shape[1]
