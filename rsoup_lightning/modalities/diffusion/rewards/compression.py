"""Rewards of how well a picture compresses."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import torch
from PIL import Image
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.rewards.images import ImageReward


class Compressibility(ImageReward):
    """Minus the kilobytes (1000 bytes) of a JPEG file: plain pictures are paid for.

    Black et al., "Training diffusion models with reinforcement learning" (2023), section 5.1. Every file has about 0.6
    kilobytes of tables, which no picture saves.

    Args:
        quality: of the JPEG, from 1 to 95.

    Raises:
        ConfigError: ``quality`` is outside.
    """

    def __init__(self, quality: int = 95) -> None:
        if not 1 <= quality <= 95:
            raise ConfigError(f"quality is {quality}: JPEG takes 1 to 95")
        self.quality = quality

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        return -kilobytes(images, self.quality)


class Incompressibility(Compressibility):
    """The kilobytes (1000 bytes) of a JPEG file: detail is paid for.

    Args:
        quality: of the JPEG, from 1 to 95.

    Raises:
        ConfigError: ``quality`` is outside.
    """

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        return -super().rate(images, prompts)


def kilobytes(images: Tensor, quality: int) -> Tensor:
    """``[B]`` the size of each of ``images [B, 3, H, W]``, from 0 to 1, as a JPEG file in units of 1000 bytes."""
    pixels = (255 * images).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return torch.tensor([_bytes(picture, quality) / 1000 for picture in map(Image.fromarray, pixels)])


def _bytes(picture: Image.Image, quality: int) -> int:
    stream = BytesIO()
    picture.save(stream, format="JPEG", quality=quality)
    return stream.tell()
