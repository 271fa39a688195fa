"""Likelihood weighted by rewards: regression instead of a policy gradient."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from rsoup_lightning import losses
from rsoup_lightning.algorithms.algorithm import Algorithm, on_all_steps
from rsoup_lightning.errors import ConfigError, check_at_least_one, check_positive
from rsoup_lightning.policy import Policy
from rsoup_lightning.processes import together
from rsoup_lightning.rollout import Rollout


class RewardWeightedRegression(Algorithm):
    """Likelihood of the completions, weighted by exp(return / temperature) (Peters & Schaal 2007).

    Args:
        temperature: in units of the returns' standard deviation within the batch; small keeps the best rows only.
        epochs: passes over each rollout.
        minibatch_size: rows per optimiser step; 0 takes the whole rollout.
        keep: share of the rows, the best of each process's rollout, that are learnt from; the others cost nothing more.
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
        check_at_least_one(completions=completions)
        check_positive(temperature=temperature)
        if not 0 < keep <= 1:
            raise ConfigError(f"keep is {keep}: it must be above 0 and at most 1")
        self.temperature = temperature
        self.keep = keep
        self.completions = completions

    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        returns = reward.sum(1)
        if self.completions > 1:
            returns = losses.leave_one_out_advantages(returns, self.completions)
        scaled = together(losses.in_standard_deviations, returns)
        best = scaled.topk(max(round(self.keep * len(scaled)), 1)).indices.sort().values
        weights = together(partial(losses.reward_weights, temperature=self.temperature), scaled[best])
        return on_all_steps(rollout.rows(best), weights)
