"""The plain score-function gradient under three baselines: what comes later, other completions, the greedy one."""

from __future__ import annotations

from torch import Tensor

from rsoup_lightning import losses
from rsoup_lightning.algorithms.algorithm import Algorithm, check_group, on_all_steps, whitened
from rsoup_lightning.errors import check_at_least_one, check_share
from rsoup_lightning.policy import Policy
from rsoup_lightning.rollout import Rollout


class REINFORCE(Algorithm):
    """Score-function gradient (Williams 1992) on whitened rewards-to-go; no critic.

    Args:
        discount: γ per step.
        entropy_coefficient: weight of the entropy bonus, per nat.

    Raises:
        ConfigError: γ outside [0, 1], or a setting that no algorithm can have.
    """

    def __init__(self, discount: float = 1.0, entropy_coefficient: float = 0.0) -> None:
        super().__init__(entropy_coefficient=entropy_coefficient)
        check_share(discount=discount)
        self.discount = discount

    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        to_go = losses.rewards_to_go(reward, rollout.terminated, rollout.truncated, discount=self.discount)
        return rollout.with_steps(advantages=whitened(to_go, rollout.mask))


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
        self.completions = check_group(completions)

    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        return on_all_steps(rollout, losses.leave_one_out_advantages(reward.sum(1), self.completions))


class SCST(Algorithm):
    """Self-critical sequence training: the greedy completion is the baseline (Rennie et al. 2017).

    Args:
        completions: per prompt, K.
        entropy_coefficient: weight of the entropy bonus, per nat.

    Raises:
        ConfigError: no completion, or a setting that no algorithm can have.
    """

    greedy_baseline = True

    def __init__(self, completions: int = 1, entropy_coefficient: float = 0.0) -> None:
        super().__init__(entropy_coefficient=entropy_coefficient)
        check_at_least_one(completions=completions)
        self.completions = completions

    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        assert greedy is not None  # the module reads greedy_baseline
        return on_all_steps(rollout, losses.self_critical_advantages(reward.sum(1), greedy))
