"""Who samples the completions that train a language model, where the policy does not do it itself.

An engine that is faster at it than the policy, but computes a little differently: what it sampled is scored again by
the policy, and each token counts by the ratio of the two likelihoods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from rsoup_lightning import losses
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.language.sampling import Completions
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.rollout import Rollout

MOST_APART = 0.5
"""Nats per token between engine and policy. Rounding makes hundredths of one; another model, or temperature, more."""


class Sampler(ABC):
    """Samples completions from what a policy is at the moment.

    Attributes:
        most_importance: the ratio of likelihoods that a token counts by at most.
    """

    most_importance: float

    @abstractmethod
    def sample(
        self, policy: LanguagePolicy, prompts: PromptTokens, copies: Tensor, *, limit: int, ends: Sequence[int]
    ) -> Completions:
        """Continue prompts.

        Args:
            policy: whose weights and temperature to sample by.
            prompts: G of them.
            copies: ``[B]`` which prompt each row continues; those of one prompt lie next to each other.
            limit: the most tokens of a completion.
            ends: tokens that end one.

        Returns:
            B rows; the log-probabilities are the engine's, at the policy's temperature.

        Raises:
            ConfigError: the engine does not answer, or cannot do it.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what the engine holds of the policy."""


def scored_by_policy(rollout: Rollout, policy: LanguagePolicy, most_importance: float) -> Rollout:
    """A rollout that an engine sampled, as if the policy had.

    Args:
        rollout: with the engine's log-probabilities.
        policy: what it was meant to sample from.
        most_importance: the largest ratio.

    Returns:
        The same with the policy's log-probabilities, and with the step payload ``importance [B, T]``.

    Raises:
        ConfigError: the engine sampled from something else.
    """
    own = policy.scored(rollout).log_probs * rollout.mask
    apart = losses.masked_mean((own - rollout.log_probs).abs(), rollout.mask).item()
    if not apart <= MOST_APART:
        raise ConfigError(
            f"the log-probabilities of what was sampled are {apart:.2f} nats per token from the policy's: the engine "
            "plays another base model, or its log-probabilities are not those at the temperature of sampling"
        )
    importance = losses.truncated_importance(own, rollout.log_probs, most=most_importance)
    return replace(rollout, log_probs=own).with_steps(importance=importance)
