"""``IteratedSoup``: rounds of rewarded soups, each from the uniform soup of the last."""

from __future__ import annotations

from collections.abc import Sequence

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging.policy_soup import policy_soup
from rsoup_lightning.methods.method import INIT, Derived, Stage
from rsoup_lightning.methods.rewarded_soup import RewardedSoup
from rsoup_lightning.policy import Weights


class IteratedSoup(RewardedSoup):
    """In each round an expert per reward from one start, θ_0 at first, then θ_t = Σ θ_t,i / E of the round before.

    That is to fuse and to train on (Don-Yehiya et al. 2023, "ColD Fusion"), with a reward per expert: those of the last
    round begin where all rewards are high already, and have less far to go apart. λ = μ over them. The reference policy
    of a KL penalty is the start of each round.

    Args:
        rounds: among which ``trainer.max_epochs`` of an expert are shared out.
    """

    def __init__(self, rounds: int = 2) -> None:
        if rounds < 1:
            raise ConfigError(f"soup.method.init_args.rounds is {rounds}: give at least 1")
        self.rounds = rounds

    def stages(self, rewards: Sequence[str], epochs: int) -> list[Stage | Derived]:
        if epochs < self.rounds:
            raise ConfigError(f"trainer.max_epochs is {epochs}: {self.rounds} rounds need an epoch each")
        stages: list[Stage | Derived] = []
        start, last = INIT, self.rounds - 1
        for number in range(self.rounds):
            share = epochs * (number + 1) // self.rounds - epochs * number // self.rounds
            family = "experts" if number == last else f"rounds/{number}"
            trained = [
                Stage(f"{family}/{name}", preference, share, start)
                for name, preference in self.experts(rewards).items()
            ]
            stages += trained
            if number < last:
                start = f"rounds/{number}/start"
                stages.append(Derived(start, tuple(stage.name for stage in trained), uniform_soup))
        return stages


def uniform_soup(experts: Sequence[Weights]) -> Weights:
    """The soup in which every expert weighs 1/E."""
    return policy_soup(experts, [1 / len(experts)] * len(experts))
