"""Rewards of a completion's tokens; they read no text."""

from __future__ import annotations

import torch
from torch import Tensor

from rsoup_lightning.errors import RewardError
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout


class Brevity(Reward):
    """Minus the number of tokens, the end token included.

    Tokens and not words: a policy paid for few words learns long strings of digits and colons, which hold no space and
    so count as one.
    """

    def __call__(self, rollout: Rollout) -> Tensor:
        return -rollout.mask.sum(1).float()


class Fluency(Reward):
    """The mean log-probability of the tokens under the reference policy, in nats; 0 for a row without any.

    A mean and not a sum, which would pay for brevity.
    """

    guard = True

    def __call__(self, rollout: Rollout) -> Tensor:
        if "reference_log_probs" not in rollout:
            raise RewardError(
                "Fluency needs 'reference_log_probs' [B, T] of each rollout, which this environment does not give"
            )
        counted = torch.where(rollout.mask, rollout["reference_log_probs"].float(), 0)
        return counted.sum(1) / rollout.mask.sum(1).clamp(min=1)
