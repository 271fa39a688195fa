"""Environments whose batches are entries of a list: prompts, pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from rsoup_lightning.environment import Environment
from rsoup_lightning.errors import ConfigError, check_at_least_one
from rsoup_lightning.modalities.data import PictureData, PromptData, Split

EVALUATION_SEED = 2**30  # of the noise of evaluation entry 0; entry n has this plus n
DEVELOPMENT = 2**29  # number of development entry 0: no other entry that is evaluated has such a number


class DataEnvironment(Environment):
    """Entries by number: in a new order each training epoch, always in the same one for evaluation and development.

    Args:
        batch_size: entries of a training rollout.
        batches_per_epoch: training rollouts per epoch, of all processes; a checkpoint is written after each epoch.
        eval_batch_size: entries per policy and evaluation batch, to bound memory.

    Raises:
        ConfigError: one of them is below 1.
    """

    def __init__(self, batch_size: int = 8, batches_per_epoch: int = 10, eval_batch_size: int = 50) -> None:
        check_at_least_one(batch_size=batch_size, batches_per_epoch=batches_per_epoch, eval_batch_size=eval_batch_size)
        self.batch_size = self.entries = batch_size
        self.batches_per_epoch = batches_per_epoch
        self.eval_batch_size = eval_batch_size
        self._order = np.empty(0, dtype=int)

    @abstractmethod
    def count(self, split: Split) -> int:
        """How many entries a split has; at least one.

        Raises:
            ConfigError: it has none.
        """

    def train_batches(self) -> Iterable[int]:
        return DataLoader(range(self.batches_per_epoch), batch_size=None)  # type: ignore[arg-type]

    def eval_batches(self) -> Iterable[Tensor]:
        return self._batches(range(self.count("eval")))

    def dev_batches(self) -> Iterable[Tensor]:
        return self._batches(range(DEVELOPMENT, DEVELOPMENT + self.count("dev")))

    def _batches(self, numbers: range) -> Iterable[Tensor]:
        return DataLoader(numbers, batch_size=self.eval_batch_size)  # type: ignore[arg-type]

    def begin(self, seed: int, rank: int = 0) -> None:
        self._order = np.random.default_rng(seed).permutation(self.count("train"))

    def training_entries(self, batch: int) -> Tensor:
        """``[batch_size]`` the numbers of the entries of a training batch.

        Raises:
            ConfigError: :meth:`begin` was not called.
        """
        if not len(self._order):
            raise ConfigError("call begin(seed) before the first rollout of an epoch")
        places = np.arange(batch * self.batch_size, (batch + 1) * self.batch_size) % len(self._order)
        return torch.from_numpy(self._order[places])


def check_some(entries: Sequence[Any], data: PromptData | PictureData, split: Split) -> None:
    """Require that a split has entries.

    Raises:
        ConfigError: it has none.
    """
    if not entries:
        source = data.source if isinstance(data, PromptData) else data
        cure = "give it a dev_size" if split == "dev" else "check its settings"
        raise ConfigError(f"{type(source).__name__} has nothing in its {split} split: {cure}")


def evaluated(numbers: Tensor) -> tuple[Split, Tensor]:
    """The split of a batch ``[B]`` of entries to evaluate, and their places ``[B]`` there.

    >>> evaluated(torch.tensor([DEVELOPMENT, DEVELOPMENT + 1]))
    ('dev', tensor([0, 1]))
    """
    return ("eval" if numbers[0] < DEVELOPMENT else "dev"), numbers % DEVELOPMENT


def evaluation_generators(entries: Tensor) -> list[torch.Generator]:
    """Where the noise of each evaluation entry ``[B]`` comes from: it depends on the entry's number and nothing else.

    So scores do not move with the batch an entry is played in, nor with the policy.
    """
    return [torch.Generator().manual_seed(EVALUATION_SEED + entry) for entry in entries.tolist()]
