"""Tokens of completions: their log-probabilities, and rewards that read no text."""

from __future__ import annotations

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.partly_trained import BASE_LOG_PROBS
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout

FLUENCY = "fluency"
"""What fine-tuners of text call :class:`Fluency`."""


def token_log_probs(logits: Tensor, tokens: Tensor, temperature: float = 1.0) -> Tensor:
    """``[B, T]`` log-probabilities of ``tokens [B, T]`` under ``logits [B, T, V]``, in float32."""
    scaled = logits.float() if temperature == 1 else logits.float() / temperature
    return torch.log_softmax(scaled, dim=-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def check_known(log_probs: Tensor, mask: Tensor) -> None:
    """Require that what was written has log-probabilities ``[B, T]``: of logits that are NaN, any token is the largest.

    Raises:
        RewardError: some are NaN.
    """
    if log_probs[mask].isnan().any():
        raise RewardError("the policy's log-probabilities are NaN: its training has diverged, lower the learning rate")


class Brevity(Reward):
    """Minus the number of tokens, the end token included.

    Tokens and not words: a policy paid for few words learns long strings of digits and colons, which hold no space and
    so count as one.

    Args:
        at_least: fewer tokens than this do not pay more: a policy that is paid for nothing says nothing.

    Raises:
        ConfigError: ``at_least`` is negative.
    """

    def __init__(self, at_least: int = 0) -> None:
        if at_least < 0:
            raise ConfigError(f"at_least is {at_least}: it is a number of tokens")
        self.at_least = at_least

    def __call__(self, rollout: Rollout) -> Tensor:
        return -rollout.mask.sum(1).clamp(min=self.at_least).float()


class Fluency(Reward):
    """The mean log-probability of the tokens under the pre-trained model, in nats; 0 for a row without any.

    A mean and not a sum, which would pay for brevity. Under the model as it was built, wherever a training began: so a
    guard holds to the limit that the report judges by.
    """

    guard = True

    def __call__(self, rollout: Rollout) -> Tensor:
        if BASE_LOG_PROBS not in rollout:
            raise RewardError(
                f"Fluency needs {BASE_LOG_PROBS!r} [B, T] of each rollout, which this environment does not give"
            )
        counted = torch.where(rollout.mask, rollout[BASE_LOG_PROBS].float(), 0)
        return counted.sum(1) / rollout.mask.sum(1).clamp(min=1)
