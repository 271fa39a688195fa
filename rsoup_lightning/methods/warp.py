"""``WARP``: weight averaged rewarded policies (Ramé et al. 2024), with a reward per expert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging import linear, merge_weights
from rsoup_lightning.methods.iterated_soup import IteratedSoup
from rsoup_lightning.methods.method import Derived, Made, Preference, Stage
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.policy import Weights


class WARP(IteratedSoup):
    """Rounds of three averages of weights (Ramé et al. 2024, "WARP", algorithm 1), there of one reward, here of two.

    While an expert trains, the reference of its KL penalty follows it: θ_ref ← (1 - α) θ_ref + α θ. The two experts are
    merged by spherical interpolation of what they moved from the round's start θ_t: slerp(θ_t, θ_1, θ_2, λ). And the
    next round begins part of the way from this start to the merge at λ = (½, ½): θ_t+1 = (1 - η) θ_t + η slerp. What is
    served are the merges of the last round, λ = μ.

    Args:
        rounds: among which ``trainer.max_epochs`` of an expert are shared out.
        alpha: α, how much of its way to the policy the reference goes after each training rollout, in (0, 1].
        eta: η, in (0, 1].
    """

    mixing = "slerp"

    def __init__(self, rounds: int = 2, alpha: float = 0.01, eta: float = 0.3) -> None:
        super().__init__(rounds)
        for name, value in {"alpha": alpha, "eta": eta}.items():
            if not 0 < value <= 1:
                raise ConfigError(f"soup.method.init_args.{name} is {value}: give one above 0, up to 1")
        self.alpha, self.eta = alpha, eta
        self.origin = self.start(rounds - 1)

    def check(self, module: RewardFineTuner, rewards: Sequence[str]) -> None:
        super().check(module, rewards)
        if not module.kl.coefficient:
            raise ConfigError("WARP moves the reference of a KL penalty, and there is none: set model.kl.coefficient")

    def experts(self, rewards: Sequence[str]) -> dict[str, Preference]:
        if len(rewards) != 2:
            raise ConfigError(f"WARP merges two experts by slerp, and the rewards are {', '.join(rewards)}: name two")
        return super().experts(rewards)

    def training(self, reward: str, number: int, epochs: range) -> Stage:
        return replace(super().training(reward, number, epochs), reference_rate=self.alpha)

    def next_start(self, trained: Sequence[str], number: int) -> Derived:
        made = super().next_start(trained, number)
        return replace(made, sources=(*trained, self.start(number)), make=partial(_towards_merge, eta=self.eta))


def _towards_merge(sources: Sequence[Weights], eta: float) -> Made:
    """(1 - η) θ_t + η slerp(θ_t, experts, ½), of the experts and θ_t."""
    *experts, start = sources
    merged = merge_weights(experts, [0.5, 0.5], method="slerp", init=start)
    return Made(linear([start, merged], [1 - eta, eta]))
