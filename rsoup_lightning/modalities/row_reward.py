"""What rewards of texts and pictures share: how they rate the rows of a rollout, whatever the policy computes in."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from rsoup_lightning.errors import RewardError
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout


class RowReward(Reward):
    """One number for each row, in float32: without gradient, and outside the mixed precision of the policy.

    Equal rows so have equal rewards, whichever policy they came from. Subclasses write :meth:`ratings`.
    """

    @torch.no_grad()
    def __call__(self, rollout: Rollout) -> Tensor:
        """``[B]``.

        Raises:
            RewardError: the rows cannot be rated, or there are more or fewer ratings than rows.
        """
        device = rollout.mask.device
        with torch.autocast(device.type, enabled=False):
            values = torch.as_tensor(self.ratings(rollout), dtype=torch.float32)
        if values.shape != (len(rollout),):
            raise RewardError(f"{self.name} gave {tuple(values.shape)} ratings for {len(rollout)} rows")
        return values.to(device)

    @abstractmethod
    def ratings(self, rollout: Rollout) -> Sequence[float] | Tensor:
        """One number per row, the larger the better."""

    @property
    def name(self) -> str:
        """What to call it in errors."""
        return type(self).__name__
