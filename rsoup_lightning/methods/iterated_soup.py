"""``IteratedSoup``: rounds of rewarded soups, each from the uniform soup of the last."""

from __future__ import annotations

from collections.abc import Sequence

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging.policy_soup import policy_soup
from rsoup_lightning.methods.method import INIT, Derived, Made, Stage
from rsoup_lightning.methods.rewarded_soup import RewardedSoup
from rsoup_lightning.policy import Weights


class IteratedSoup(RewardedSoup):
    """In each round an expert per reward from one start, θ_0 at first, then θ_t = Σ θ_t,i / E of the round before.

    That is to fuse and to train on (Don-Yehiya et al. 2023, "ColD Fusion"), with a reward per expert: those of the last
    round begin where all rewards are high already, and have less far to go apart. λ = μ over them. The reference policy
    of a KL penalty is the start of each round, and a learning rate that decays does so in each. Of LoRA, what a start
    of the layers' rank cannot hold of the averaged updates is lost (:func:`merging.policy_soup.policy_soup`), and
    reported.

    Args:
        rounds: among which ``trainer.max_epochs`` of an expert are shared out.
    """

    def __init__(self, rounds: int = 2) -> None:
        if rounds < 1:
            raise ConfigError(f"soup.method.init_args.rounds is {rounds}: give at least 1")
        self.rounds = self.least_epochs = rounds

    def stages(self, rewards: Sequence[str], epochs: int) -> list[Stage | Derived]:
        if epochs < self.rounds:
            raise ConfigError(f"trainer.max_epochs is {epochs}: {self.rounds} rounds need an epoch each")
        stages: list[Stage | Derived] = []
        for number in range(self.rounds):
            share = range(epochs * number // self.rounds, epochs * (number + 1) // self.rounds)
            trained = [self.training(name, number, share) for name in rewards]
            stages += trained
            if number + 1 < self.rounds:
                stages.append(self.next_start([stage.name for stage in trained], number))
        return stages

    def training(self, reward: str, number: int, epochs: range) -> Stage:
        """That of an expert in a round, for some of all the epochs that the expert has."""
        family = "experts" if number + 1 == self.rounds else f"rounds/{number}"
        return Stage(f"{family}/{reward}", {reward: 1.0}, len(epochs), self.start(number), epochs_before=epochs.start)

    def next_start(self, trained: Sequence[str], number: int) -> Derived:
        """What the round after begins at, of the stages that a round has trained."""
        return Derived(self.start(number + 1), tuple(trained), _uniform_soup)

    def start(self, number: int) -> str:
        """The stage whose weights a round begins at."""
        return f"rounds/{number - 1}/start" if number else INIT


def _uniform_soup(experts: Sequence[Weights]) -> Made:
    return Made(*policy_soup(experts, [1 / len(experts)] * len(experts)))
