"""What a suite knows of a peer: a method of another library, trained by its own code and scored by ours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.policy import Policy
from rsoup_lightning.simplex import Coefficients


@dataclass(frozen=True)
class Assignment:
    """What a peer is to do.

    Attributes:
        module: has the environment and the rewards.
        floors: the rewards that it is to trade off, in order, and their scores that count as 0.
        preferences: μ over those rewards, for which policies are wanted.
        seed: of everything random.
        device: where its networks are trained.
        epochs: as many steps as the recipe takes in so many epochs end it; None: no number of steps does.
        seconds: so much time ends it; None: no time does.
    """

    module: RewardFineTuner
    floors: Mapping[str, float]
    preferences: Sequence[Coefficients]
    seed: int
    device: torch.device
    epochs: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Trained:
    """What it has done.

    Attributes:
        policies: all that it offers, of one member each.
        steps: of the environment that it trained on.
    """

    policies: Sequence[Policy]
    steps: int


class Peer(ABC):
    """A method of another library. Subclasses are frozen dataclasses of plain values: those claim a cell's folder."""

    @abstractmethod
    def check(self, module: RewardFineTuner, rewards: Sequence[str]) -> None:
        """Require that it is installed and can be trained on these rewards.

        Raises:
            RSoupError: names what is missing or does not fit.
        """

    @abstractmethod
    def train(self, assignment: Assignment) -> Trained:
        """Train it from its own initialisation until steps or time are spent."""
