"""Captions as the metrics read them: what several of them need is counted once and kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from rsoup_lightning.captions.tokens import tokenise
from rsoup_lightning.errors import RewardError

T = TypeVar("T")

ORDERS = 4
"""n-grams of one to four words, in BLEU and in CIDEr."""


class Caption:
    """The words of a caption; see :func:`read`.

    Args:
        tokens: as :func:`tokenise` gives them.

    Attributes:
        tokens: what ROUGE-L compares.
        words: the tokens, those with blanks (``1 1/2``) in parts: what the other metrics compare, as in pycocoevalcap.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self.words = tuple(" ".join(tokens).split())

    @cached_property
    def ngrams(self) -> list[dict[str, int]]:
        """How often each n-gram, its words joined by blanks, occurs; one dictionary for each n from 1 to 4."""
        counts = []
        for grams in _ngrams(self.words):
            ones = dict.fromkeys(grams, 1)  # few captions repeat anything: half the time of a Counter
            counts.append(ones if len(ones) == len(grams) else Counter(grams))
        return counts


class References:
    """The reference captions of one item, and what metrics make of them; see :func:`prepare`.

    Args:
        captions: at least one, and at least one with words.
        item: what errors call the item.

    Raises:
        RewardError: there is no reference with a word.
    """

    def __init__(self, captions: Sequence[Caption], item: str = "an item") -> None:
        if not any(caption.words for caption in captions):
            raise RewardError(f"{item} has no reference caption with a word in it: give it one, or leave it out")
        self.captions = tuple(captions)
        self._kept: dict[tuple[Any, ...], Any] = {}

    def kept(self, make: Callable[..., T], *arguments: Any) -> T:
        """``make(self, *arguments)``, made at the first call and kept with the references."""
        key = (make, *arguments)
        try:
            return self._kept[key]
        except KeyError:
            return self._kept.setdefault(key, make(self, *arguments))


def read(text: str) -> Caption:
    """A caption from its text; an empty one is allowed, and scores 0 in every metric."""
    return Caption(tokenise(text))


def prepare(texts: Sequence[str], item: str = "an item") -> References:
    """The references of one item, worth keeping while several captions are scored against them.

    Args:
        texts: the reference captions.
        item: what errors call the item.

    Raises:
        RewardError: there is no reference with a word, or one text in place of a list.
    """
    if isinstance(texts, str):  # would be read letter by letter
        raise RewardError(f"{item} has the text {texts!r:.80} for its references: put it into a list")
    return References([read(text) for text in texts], item)


def occurrences(references: References) -> list[dict[str, tuple[int, ...]]]:
    """For each n, the n-grams of all references; of each, the indices of its references, as often as it is in them.

    >>> occurrences(prepare(["red red car", "a car"]))[0]
    {'red': (0, 0), 'car': (0, 1), 'a': (1,)}
    """
    tables: list[dict[str, tuple[int, ...]]] = [{} for _ in range(ORDERS)]
    for index, caption in enumerate(references.captions):
        for table, grams in zip(tables, _ngrams(caption.words), strict=True):
            for gram in grams:
                table[gram] = (*table.get(gram, ()), index)
    return tables


def _ngrams(words: Sequence[str]) -> list[list[str]]:
    """For each n from 1 to 4, in their order; none if there are fewer words."""
    grams = [list(words)]
    for order in range(1, ORDERS):
        grams.append([f"{gram} {word}" for gram, word in zip(grams[-1], words[order:], strict=False)])
    return grams
