"""Rollouts of given pictures, and pictures with closed forms."""

from __future__ import annotations

import torch
from torch import Tensor

from rsoup_lightning.rollout import Rollout


def drawn(images: Tensor, prompts: list[str] | None = None) -> Rollout:
    """One row per picture ``[B, 3, H, W]``; prompts are "a cat" unless given."""
    rows = len(images)
    return Rollout(
        log_probs=torch.zeros(rows, 2),
        mask=torch.ones(rows, 2, dtype=torch.bool),
        context={"images": images},
        texts={"prompt": prompts or ["a cat"] * rows},
    )


def plain(*colours: tuple[float, float, float], side: int = 32) -> Tensor:
    """One picture of each colour."""
    return torch.tensor(colours, dtype=torch.float32).view(-1, 3, 1, 1).expand(-1, 3, side, side).clone()


def halves(left: tuple[float, float, float], right: tuple[float, float, float], side: int = 32) -> Tensor:
    """One picture of two colours side by side."""
    picture = plain(left, side=side)
    picture[..., side // 2 :] = plain(right, side=side)[..., side // 2 :]
    return picture


def random(count: int, side: int = 32, seed: int = 0) -> Tensor:
    """Smooth random pictures."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size=side, mode="bilinear")
