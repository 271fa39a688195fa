"""The clipped likelihood ratio, by which a rollout may be used several times: PPO, and GRPO without a critic."""

from __future__ import annotations

import torch
from torch import Tensor

from rsoup_lightning import losses
from rsoup_lightning.algorithms.algorithm import Algorithm, Logs, check_group, on_all_steps, whitened
from rsoup_lightning.errors import check_finite, check_positive, check_share
from rsoup_lightning.policy import Policy, PolicyOutput
from rsoup_lightning.rollout import Rollout


class PPO(Algorithm):
    """Proximal policy optimisation with a critic (Schulman et al. 2017).

    Args:
        clip: how far the likelihood ratio may pay off beyond 1.
        epochs: passes over each rollout.
        minibatch_size: rows (or independent steps) per optimiser step; 0 takes the whole rollout.
        discount: γ per step.
        gae_lambda: λ of the advantage estimator.
        value_coefficient: weight of the value loss.
        value_clip: keep values within this of the old ones (in the reward's unit); null: no clipping.
        entropy_coefficient: weight of the entropy bonus, per nat.

    Raises:
        ConfigError: a clip that is not above 0, γ or λ outside [0, 1], or a setting that no algorithm can have.
    """

    needs_critic = True

    def __init__(
        self,
        clip: float = 0.2,
        epochs: int = 4,
        minibatch_size: int = 1024,
        discount: float = 0.99,
        gae_lambda: float = 0.95,
        value_coefficient: float = 0.5,
        value_clip: float | None = None,
        entropy_coefficient: float = 0.0,
    ) -> None:
        super().__init__(epochs, minibatch_size, entropy_coefficient)
        check_positive(clip=clip, value_clip=value_clip)
        check_share(discount=discount, gae_lambda=gae_lambda)
        check_finite(value_coefficient=value_coefficient)
        self.clip = clip
        self.discount = discount
        self.gae_lambda = gae_lambda
        self.value_coefficient = value_coefficient
        self.value_clip = value_clip

    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        values = policy.values(rollout)
        advantages = losses.gae(
            reward,
            values,
            rollout.terminated,
            rollout.truncated,
            discount=self.discount,
            gae_lambda=self.gae_lambda,
        )
        return rollout.with_steps(
            advantages=whitened(advantages, rollout.mask),
            returns=advantages + values[:, :-1],
            old_values=values[:, :-1],
        )

    def policy_loss(self, output: PolicyOutput, batch: Rollout) -> tuple[Tensor, Logs]:
        policy = losses.ppo_loss(output.log_probs, batch.log_probs, batch["advantages"], batch.mask, clip=self.clip)
        assert output.values is not None  # advantages() has asked the critic already
        value = losses.value_loss(
            output.values, batch["returns"], batch.mask, old_values=batch["old_values"], clip=self.value_clip
        )
        with torch.no_grad():
            clipped = losses.clip_fraction(output.log_probs, batch.log_probs, batch.mask, clip=self.clip)
        return policy + self.value_coefficient * value, {"value_loss": value.detach(), "clip_fraction": clipped}


class GRPO(Algorithm):
    """PPO's clipped loss on returns standardised among the completions of a prompt (Shao et al. 2024); no critic.

    Args:
        completions: per prompt, K, at least 2.
        clip: how far the likelihood ratio may pay off beyond 1.
        epochs: passes over each rollout.
        minibatch_size: rows per optimiser step; 0 takes the whole rollout.
        entropy_coefficient: weight of the entropy bonus, per nat.

    Raises:
        ConfigError: a clip that is not above 0, fewer than 2 completions, or a setting that no algorithm can have.
    """

    def __init__(
        self,
        completions: int = 4,
        clip: float = 0.2,
        epochs: int = 1,
        minibatch_size: int = 0,
        entropy_coefficient: float = 0.0,
    ) -> None:
        super().__init__(epochs, minibatch_size, entropy_coefficient)
        check_positive(clip=clip)
        self.completions = check_group(completions)
        self.clip = clip

    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        return on_all_steps(rollout, losses.group_advantages(reward.sum(1), self.completions))

    def policy_loss(self, output: PolicyOutput, batch: Rollout) -> tuple[Tensor, Logs]:
        arguments = output.log_probs, batch.log_probs, batch["advantages"], batch.mask
        return losses.ppo_loss(*arguments, clip=self.clip), {}
