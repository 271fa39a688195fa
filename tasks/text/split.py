"""Two splits that share nothing, the same on every machine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b

from rsoup_lightning.errors import ConfigError, check_at_least_one
from rsoup_lightning.modalities.data import Entry, PromptData, Split


class SplitData(PromptData):
    """Prompt data of one list, cut in two.

    Entries stand in the order of a hash of their question: shuffled, yet wherever they come from, and whatever is
    added to the list, the same question meets the same neighbours. The first ``eval_size`` are the eval split.

    Args:
        eval_size: number of entries for evaluation.
        train_size: at most so many entries for training; null takes all that remain.

    Raises:
        ConfigError: a size below one.
    """

    def __init__(self, eval_size: int = 200, train_size: int | None = None) -> None:
        check_at_least_one(eval_size=eval_size, train_size=train_size)
        self.eval_size = eval_size
        self.train_size = train_size

    @abstractmethod
    def load(self) -> Iterable[Entry]:
        """All entries, in any order; of several with the same question the first is kept."""

    def entries(self, split: Split) -> tuple[Entry, ...]:
        if split == "eval":
            return self._ordered[: self.eval_size]
        return self._ordered[self.eval_size :][: self.train_size]

    @cached_property
    def _ordered(self) -> tuple[Entry, ...]:
        unique: dict[bytes, Entry] = {}
        for entry in self.load():
            unique.setdefault(blake2b(entry.question.casefold().encode()).digest(), entry)
        if len(unique) <= self.eval_size:
            raise ConfigError(
                f"{type(self).__name__} has {len(unique)} entries, of which eval_size takes {self.eval_size}: "
                "none are left for training; lower eval_size or give it more data"
            )
        return tuple(unique[key] for key in sorted(unique))
