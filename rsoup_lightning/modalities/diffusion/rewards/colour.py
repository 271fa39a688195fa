"""Rewards of a picture's colours, in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.rewards.images import ImageReward

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""


class Colourfulness(ImageReward):
    """How colourful people find a picture: about 0 for greys, 15 slightly, 59 quite, 82 highly, 109 extremely so.

    M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003), section 7, of channels from 0 to
    255: see :func:`colourfulness`.

    Args:
        limit: what is colourful enough: more earns no more, so that a policy is not paid for gaudy pictures; null for
            none.

    Raises:
        ConfigError: ``limit`` is not positive.
    """

    def __init__(self, limit: float | None = None) -> None:
        if limit is not None and limit <= 0:
            raise ConfigError(f"limit is {limit}: all pictures are as colourful as that, so give a positive number")
        self.limit = limit

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        values = colourfulness(images)
        return values if self.limit is None else values.clamp(max=self.limit)


class Brightness(ImageReward):
    """The mean luma, from 0 for black to 1 for white."""

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        return luma(images).mean((1, 2))


def colourfulness(images: Tensor) -> Tensor:
    """``[B]`` the standard deviation plus 0.3 of the mean, in the plane of red-green and yellow-blue differences.

    Args:
        images: ``[B, 3, H, W]`` from 0 to 1.

    >>> grey, red = torch.full((3, 8, 8), 0.5), torch.tensor([1.0, 0, 0]).view(3, 1, 1).expand(3, 8, 8)
    >>> [round(value, 2) for value in colourfulness(torch.stack([grey, red])).tolist()]  # 0.3 * 255 * sqrt(1.25)
    [0.0, 85.53]
    """
    red, green, blue = (255 * images).flatten(2).unbind(1)
    opponents = torch.stack([red - green, (red + green) / 2 - blue])
    return opponents.var(2, correction=0).sum(0).sqrt() + 0.3 * opponents.mean(2).square().sum(0).sqrt()


def luma(images: Tensor) -> Tensor:
    """``[B, H, W]`` of ``images [B, 3, H, W]``, in their unit."""
    return (images * images.new_tensor(LUMA).view(3, 1, 1)).sum(1)
