"""The abstract environment: where rollouts come from, for training and for evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.mixture import Mixture, Rows
from rsoup_lightning.policy import Policy
from rsoup_lightning.rollout import Rollout


@dataclass(frozen=True)
class Reading:
    """What a reward made of one completion.

    Attributes:
        text: exactly what it read; None where it reads no text.
        score: what it gave, summed over steps.
    """

    text: str | None
    score: float


@dataclass(frozen=True)
class Shown:
    """One thing a policy produced, for people to look at.

    Attributes:
        title: what it was asked, the same for every λ ("seed 3", a prompt).
        text: what it answered, if that is text.
        series: named curves over the steps, if it moved.
        picture: an encoded picture (WebP) of what it saw or made; goes into a file of its own.
        media: that file's name in the run folder's shown/; filled when it is written.
        read: what each reward read of it and gave; filled when it is evaluated, not by the environment.
    """

    title: str
    text: str = ""
    series: dict[str, list[float]] = field(default_factory=dict)
    picture: bytes = b""
    media: str = ""
    read: dict[str, Reading] = field(default_factory=dict)


class Environment(ABC):
    """Turns batches (of prompts, of seeds) into rollouts. All its randomness restarts at ``begin``."""

    unit: str = "steps"
    """What one step is called in reports: "simulator steps", "tokens", "denoising steps"."""

    entries: int | None = None
    """How many prompts or simulators a training rollout has, each with its completions; None where that varies."""

    def begin(self, seed: int, rank: int = 0) -> None:
        """Start an epoch: its training rollouts depend on the arguments, the policy and torch's generator alone.

        That is what makes a killed run resumable at the last epoch. The caller seeds torch before each rollout.

        Args:
            seed: the same in all processes that train together.
            rank: of this process, from 0.
        """

    @abstractmethod
    def train_batches(self) -> Iterable[Any]:
        """An epoch of training batches, any re-iterable: the same in processes that train together, who take turns."""

    @abstractmethod
    def eval_batches(self) -> Iterable[Any]:
        """The evaluation batches: the same prompts or seeds at each call."""

    def dev_batches(self) -> Iterable[Any]:
        """Batches as of ``eval_batches``, of other prompts or seeds: those that settings are chosen by.

        Raises:
            ConfigError: this environment has none.
        """
        raise ConfigError(f"{type(self).__name__} has no development split: define dev_batches()")

    @abstractmethod
    def rollout(self, policy: Policy, batch: Any, *, completions: int = 1, greedy: bool = False) -> Rollout:
        """Sample ``policy`` on a training batch, without gradient.

        Args:
            policy: the policy to sample.
            batch: one of ``train_batches``.
            completions: per entry, next to each other in the rollout's rows.
            greedy: the most likely completion instead of a sampled one (self-critical baselines).
        """

    @abstractmethod
    def evaluate(self, policy: Policy, batch: Any) -> Rollout:
        """Play an evaluation batch as the policy would be deployed, without gradient.

        The rollout holds ``policy.members`` groups of rows, one group per member in order, each group on the whole
        batch. ``context["id"] [B]`` identifies the entry of each row, so that scores pair up across λ.
        """

    def shown(self, rollout: Rollout, count: int) -> list[Shown]:
        """The first ``count`` rows of an evaluation rollout for people to look at, one each. Default: none at all."""
        return []

    def outputs(self, rollout: Rollout) -> Sequence[Any]:
        """What each row gave, for metrics of the user's own: texts, images. Default: the rows, as rollouts of one."""
        return [rollout.rows(torch.tensor([row], device=rollout.mask.device)) for row in range(len(rollout))]

    def film(self, policy: Policy, path: Path) -> bool:
        """Write an animation of the policy to ``path`` (a .webp); False where there is nothing to see. Default so."""
        return False

    def player(self, rows: Rows) -> Any:
        """What plays policies for a user: an object with a method that takes a request per row (see ``Soup.at``).

        Args:
            rows: which policy plays which of them.

        Raises:
            ConfigError: this environment has none.
        """
        raise ConfigError(f"{type(self).__name__} has no player: define player(rows), and its soups can be played")

    def running(self, soup: Mixture, **limits: int) -> Any:
        """A batch of a soup whose rows come and go (see ``Soup.running``). Default: there is none.

        Args:
            soup: the experts.
            **limits: of rows and memory.

        Raises:
            ConfigError: this environment has none, or a limit makes no sense.
        """
        raise ConfigError(f"{type(self).__name__} has no running batch: define running(soup), and it can be served")

    def close(self) -> None:
        """Free simulators, processes and files."""
