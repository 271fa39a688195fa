"""Splits that share nothing, the same on every machine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b

from rsoup_lightning.modalities.data import Entry, PromptData, Split, check_sizes, cut


class SplitData(PromptData):
    """Prompt data of one list, cut in three.

    Entries stand in the order of a hash of their question: shuffled, yet wherever they come from, and whatever is
    added to the list, the same question meets the same neighbours. See :func:`cut`.

    Args:
        eval_size: number of entries for evaluation.
        dev_size: number of entries to choose settings by, which are not trained on; 0: none.
        train_size: at most so many entries for training; null takes all that remain.

    Raises:
        ConfigError: a size below one.
    """

    def __init__(self, eval_size: int = 200, dev_size: int = 0, train_size: int | None = None) -> None:
        check_sizes(eval_size, dev_size, train_size)
        self.eval_size = eval_size
        self.dev_size = dev_size
        self.train_size = train_size

    @abstractmethod
    def load(self) -> Iterable[Entry]:
        """All entries, in any order; of several with the same question the first is kept."""

    def entries(self, split: Split) -> tuple[Entry, ...]:
        return self._splits[split]

    @cached_property
    def _splits(self) -> dict[Split, tuple[Entry, ...]]:
        unique: dict[bytes, Entry] = {}
        for entry in self.load():
            unique.setdefault(blake2b(entry.question.casefold().encode()).digest(), entry)
        ordered = [unique[key] for key in sorted(unique)]
        return cut(ordered, type(self).__name__, self.eval_size, self.dev_size, self.train_size)
