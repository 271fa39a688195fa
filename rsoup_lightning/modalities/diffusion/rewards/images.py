"""How rewards read pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.row_reward import RowReward
from rsoup_lightning.rollout import Rollout


class ImageReward(RowReward):
    """Rates the pictures ``rollout["images"] [B, 3, H, W]``, float32 from 0 to 1. Subclasses write :meth:`rate`."""

    least_side: int = 1
    """The least height and width it takes, in pixels."""

    def ratings(self, rollout: Rollout) -> Tensor:
        """``[B]``.

        Raises:
            RewardError: pictures or prompts are absent, or not of the kind, range or size that is rated; names the row.
        """
        return self.rate(self._images(rollout), _prompts(rollout, self.name))

    @abstractmethod
    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        """One number ``[B]`` per picture of ``images [B, 3, H, W]``, the larger the better."""

    def _images(self, rollout: Rollout) -> Tensor:
        if "images" not in rollout:
            raise RewardError(f"{self.name} rates pictures, and these rollouts have none: use it with text-to-image")
        images = rollout["images"]
        if images.dim() != 4 or images.shape[1] != 3 or images.dtype != torch.float32:
            raise RewardError(
                f"{self.name} takes pictures [B, 3, H, W] in float32, and these are {list(images.shape)} in "
                f"{str(images.dtype).removeprefix('torch.')}: convert what the decoder gives"
            )
        height, width = images.shape[2:]
        if min(height, width) < self.least_side:
            raise RewardError(
                f"{self.name} takes pictures of at least {self.least_side} x {self.least_side} pixels, and these have "
                f"{height} x {width}: let the policy draw larger ones, or choose another reward"
            )
        _check_range(images, self.name)
        return images


class PromptedReward(ImageReward):
    """Rates pictures by their prompts."""

    def inputs(self, rollout: Rollout) -> list[str]:
        return list(_prompts(rollout, self.name))


def _prompts(rollout: Rollout, name: str) -> list[Any]:
    if "prompt" not in rollout.texts:
        raise RewardError(f"{name} needs the prompt of each row, which these rollouts do not give in texts['prompt']")
    return rollout.texts["prompt"]


def _check_range(images: Tensor, name: str) -> None:
    """Pictures are numbers from 0 to 1.

    Raises:
        RewardError: one is not; names it, what it holds, and what to do.
    """
    rows = images.flatten(1)
    broken = (~rows.isfinite()).any(1)
    if broken.any():
        raise RewardError(
            f"{name} cannot rate row {int(broken.nonzero()[0])}: its picture holds NaN or infinity. "
            "Lower the learning rate, or decode in float32"
        )
    low, high = rows.amin(1), rows.amax(1)
    outside = (low < 0) | (high > 1)
    if outside.any():
        row = int(outside.nonzero()[0])
        raise RewardError(
            f"{name} takes pictures from 0 to 1, and that of row {row} goes from {float(low[row]):.3g} to "
            f"{float(high[row]):.3g}: map -1 ... 1 by (x + 1) / 2 or 0 ... 255 by x / 255, and clamp"
        )
