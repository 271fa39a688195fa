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

ELSEWHERE_LOG_PROBS = "elsewhere_log_probs"
"""The signal ``[B, T]`` of rollouts whose answers have been scored by the base as answers to another prompt."""


def token_log_probs(logits: Tensor, tokens: Tensor, temperature: float = 1.0) -> Tensor:
    """``[B, T]`` log-probabilities of ``tokens [B, T]`` under ``logits [B, T, V]``, in float32."""
    scaled = logits.float() if temperature == 1 else logits.float() / temperature
    return torch.log_softmax(scaled, dim=-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def check_known(log_probs: Tensor, mask: Tensor) -> None:
    """Require that what was written has log-probabilities ``[B, T]``: of logits that are NaN, any token is the largest.

    Args:
        log_probs: ``[B, T]``, or anything else that is NaN where they are.
        mask: ``[B, T]`` bool, those that count.

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
        return _mean_of(BASE_LOG_PROBS, rollout, self)


class Specificity(Reward):
    """How much likelier an answer is to its own prompt than to another one, in nats per token.

    (log p(answer | prompt) - log p(answer | another prompt)) / tokens under the pre-trained model; 0 for a row without
    tokens. On average over other prompts that is their pointwise mutual information or more, which Li et al. 2016 ("A
    diversity-promoting objective function for neural conversation models") choose answers by; compared with no prompt
    at all instead, an answer to anything would count, such as "You are right". A stock phrase, which fits whatever was
    asked, has about 0, while :class:`Fluency` rises with each. As a guard it keeps to the prompt what a reward would
    make all alike; as the one reward it would be had by saying the prompt again.

    Language models alone; it costs another reading of the answers.
    """

    guard = True

    def __call__(self, rollout: Rollout) -> Tensor:
        return _mean_of(BASE_LOG_PROBS, rollout, self) - _mean_of(ELSEWHERE_LOG_PROBS, rollout, self)


def _mean_of(signal: str, rollout: Rollout, reward: Reward) -> Tensor:
    """``[B]`` the mean of a signal over a row's counted steps; 0 where it has none."""
    if signal not in rollout:
        raise RewardError(
            f"{type(reward).__name__} needs {signal!r} [B, T] of each rollout, which this environment does not give"
        )
    return torch.where(rollout.mask, rollout[signal].float(), 0).sum(1) / rollout.mask.sum(1).clamp(min=1)
