"""How an algorithm turns rewards into gradients: which advantages, which loss, how often a rollout is reused.

Thin classes over :mod:`rsoup_lightning.losses`. One rollout serves all modalities, so each is written once.
Notation: B rows, T steps, K completions per prompt.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from rsoup_lightning import losses
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.policy import Policy, PolicyOutput
from rsoup_lightning.rollout import Rollout

Logs = dict[str, Tensor]


class Algorithm(ABC):
    """Base of all algorithms.

    Args:
        epochs: passes over each rollout.
        minibatch_size: rows per optimiser step, or steps where the policy scores them one by one. 0: the whole rollout.
        entropy_coefficient: weight of the entropy bonus, per nat.
    """

    completions: int = 1
    """Completions per prompt that the environment must sample."""

    greedy_baseline: bool = False
    """Whether the advantage needs the return of the greedy completion of each prompt."""

    needs_critic: bool = False
    """Whether the policy must have values."""

    def __init__(self, epochs: int = 1, minibatch_size: int = 0, entropy_coefficient: float = 0.0) -> None:
        self.epochs = epochs
        self.minibatch_size = minibatch_size
        self.entropy_coefficient = entropy_coefficient

    @abstractmethod
    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        """The rollout with ``steps["advantages"] [B, T]`` and whatever else the loss needs. Without gradient.

        Rows that nothing is learnt from may be left out.

        Args:
            rollout: what was sampled.
            reward: ``[B, T]`` what each step earned, penalties included.
            policy: the policy that sampled.
            greedy: ``[B / K]`` return of each prompt's greedy completion, where ``greedy_baseline`` asks for it.
        """

    def policy_loss(self, output: PolicyOutput, batch: Rollout) -> tuple[Tensor, Logs]:
        """The scalar to minimise on a minibatch, and what to log of it. Default: advantage × log-probability."""
        return losses.reinforce_loss(output.log_probs, batch["advantages"], batch.mask), {}

    def loss(self, output: PolicyOutput, batch: Rollout) -> tuple[Tensor, Logs]:
        """The policy loss less the entropy bonus."""
        loss, logs = self.policy_loss(output, batch)
        if output.entropy is None and self.entropy_coefficient:
            raise ConfigError("this policy does not know its entropy: set algorithm.init_args.entropy_coefficient to 0")
        if output.entropy is not None:
            entropy = losses.masked_mean(output.entropy, batch.mask)
            logs["entropy"] = entropy.detach()
            if self.entropy_coefficient:  # else its gradient, of the size of a vocabulary, is never computed
                loss = loss - self.entropy_coefficient * entropy
        return loss, logs

    def minibatches(self, rollout: Rollout, *, independent_steps: bool) -> Iterator[Rollout]:
        """Every minibatch of every epoch over a rollout that carries advantages."""
        if self.minibatch_size == 0:
            yield from [rollout] * self.epochs
            return
        for _ in range(self.epochs):
            yield from rollout.minibatches(self.minibatch_size, by_step=independent_steps)


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
            advantages=losses.whiten(advantages, rollout.mask),
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


class REINFORCE(Algorithm):
    """Score-function gradient (Williams 1992) on whitened rewards-to-go; no critic.

    Args:
        discount: γ per step.
        entropy_coefficient: weight of the entropy bonus, per nat.
    """

    def __init__(self, discount: float = 1.0, entropy_coefficient: float = 0.0) -> None:
        super().__init__(entropy_coefficient=entropy_coefficient)
        self.discount = discount

    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        to_go = losses.rewards_to_go(reward, rollout.terminated, rollout.truncated, discount=self.discount)
        return rollout.with_steps(advantages=losses.whiten(to_go, rollout.mask))


class RLOO(Algorithm):
    """REINFORCE with the mean of the prompt's other completions as baseline (Kool et al. 2019; Ahmadian et al. 2024).

    Args:
        completions: per prompt, K, at least 2.
        epochs: passes over each rollout.
        minibatch_size: rows per optimiser step; 0 takes the whole rollout.
        entropy_coefficient: weight of the entropy bonus, per nat.
    """

    def __init__(
        self, completions: int = 4, epochs: int = 1, minibatch_size: int = 0, entropy_coefficient: float = 0.0
    ) -> None:
        super().__init__(epochs, minibatch_size, entropy_coefficient)
        self.completions = _at_least_two(completions)

    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        return _spread(rollout, losses.leave_one_out_advantages(reward.sum(1), self.completions))


class GRPO(Algorithm):
    """PPO's clipped loss on returns standardised among the completions of a prompt (Shao et al. 2024); no critic.

    Args:
        completions: per prompt, K, at least 2.
        clip: how far the likelihood ratio may pay off beyond 1.
        epochs: passes over each rollout.
        minibatch_size: rows per optimiser step; 0 takes the whole rollout.
        entropy_coefficient: weight of the entropy bonus, per nat.
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
        self.completions = _at_least_two(completions)
        self.clip = clip

    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        return _spread(rollout, losses.group_advantages(reward.sum(1), self.completions))

    def policy_loss(self, output: PolicyOutput, batch: Rollout) -> tuple[Tensor, Logs]:
        arguments = output.log_probs, batch.log_probs, batch["advantages"], batch.mask
        return losses.ppo_loss(*arguments, clip=self.clip), {}


class SCST(Algorithm):
    """Self-critical sequence training: the greedy completion is the baseline (Rennie et al. 2017).

    Args:
        completions: per prompt, K.
        entropy_coefficient: weight of the entropy bonus, per nat.
    """

    greedy_baseline = True

    def __init__(self, completions: int = 1, entropy_coefficient: float = 0.0) -> None:
        super().__init__(entropy_coefficient=entropy_coefficient)
        self.completions = completions

    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        assert greedy is not None  # the module reads greedy_baseline
        return _spread(rollout, losses.self_critical_advantages(reward.sum(1), greedy))


class RewardWeightedRegression(Algorithm):
    """Likelihood of the completions, weighted by exp(return / temperature) (Peters & Schaal 2007).

    Args:
        temperature: in units of the returns' standard deviation within the batch; small keeps the best rows only.
        epochs: passes over each rollout.
        minibatch_size: rows per optimiser step; 0 takes the whole rollout.
        keep: share of the rows, the best of each rollout, that are learnt from; the others cost nothing more.
        completions: per prompt, K. Above 1, a return is what it exceeds those of its prompt by, so that no
            prompt is preferred for being easy; one whose completions earn much the same then has little to teach.
    """

    def __init__(
        self,
        temperature: float = 1.0,
        epochs: int = 1,
        minibatch_size: int = 0,
        keep: float = 1.0,
        completions: int = 1,
    ) -> None:
        super().__init__(epochs, minibatch_size)
        if completions < 1:
            raise ConfigError(f"completions is {completions}: there is at least 1 completion per prompt")
        if not 0 < keep <= 1:
            raise ConfigError(f"keep is {keep}: it must be above 0 and at most 1")
        self.temperature = temperature
        self.keep = keep
        self.completions = completions

    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        returns = reward.sum(1)
        if self.completions > 1:
            returns = losses.leave_one_out_advantages(returns, self.completions)
        scaled = losses.in_standard_deviations(returns)
        best = scaled.topk(max(round(self.keep * len(scaled)), 1)).indices.sort().values
        return _spread(rollout.rows(best), losses.reward_weights(scaled[best], temperature=self.temperature))


def _at_least_two(completions: int) -> int:
    if completions < 2:
        raise ConfigError(f"a baseline of other completions needs at least 2 completions per prompt, got {completions}")
    return completions


def _spread(rollout: Rollout, per_row: Tensor) -> Rollout:
    """The rollout with one advantage per row given to all its steps."""
    return rollout.with_steps(advantages=per_row.unsqueeze(1).expand(rollout.mask.shape))
