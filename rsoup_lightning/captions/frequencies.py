"""In how many images' references an n-gram occurs: what CIDEr weights n-grams with."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from rsoup_lightning.captions.caption import References, occurrences
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import write_json


class DocumentFrequencies:
    """The document frequencies of a set of images, the references of one image being one document.

    Args:
        counts: documents with each n-gram, from 1 to ``documents``.
        documents: how many there are.

    Raises:
        ConfigError: the counts are not those of so many documents.

    >>> from rsoup_lightning.captions import prepare
    >>> frequencies = DocumentFrequencies.of([prepare(["a cat", "a cat"]), prepare(["a dog"])])
    >>> frequencies.documents, frequencies.counts["a"], frequencies.counts["a cat"]
    (2, 2, 1)
    """

    def __init__(self, counts: Mapping[str, int], documents: int) -> None:
        # Integers, as a file may hold others: they are places in the table below.
        if documents < 1 or not all(type(count) is int and 1 <= count <= documents for count in counts.values()):
            raise ConfigError(f"these are not frequencies of {documents} documents: each is an integer from 1 to that")
        self.counts = dict(counts)
        self.documents = documents
        # A table by count, not by n-gram: there are millions of those.
        self._squares = [(math.log(documents) - math.log(max(1, count))) ** 2 for count in range(documents + 1)]

    @classmethod
    def of(cls, images: Iterable[References]) -> DocumentFrequencies:
        """Counted over the references of a data set.

        Raises:
            ConfigError: there are no images.
        """
        counts: Counter[str] = Counter()
        documents = 0
        for references in images:
            for known in references.kept(occurrences):
                counts.update(known.keys())
            documents += 1
        return cls(counts, documents)

    def squared_idf(self, ngrams: Iterable[str]) -> list[float]:
        """(log(documents / frequency))² of each n-gram; one in no document counts as in one."""
        squares, count = self._squares, self.counts.get
        return [squares[count(ngram, 0)] for ngram in ngrams]

    def save(self, path: Path) -> None:
        """Write JSON, whole or not at all."""
        write_json(path, {"documents": self.documents, "counts": self.counts})

    @classmethod
    def load(cls, path: Path) -> DocumentFrequencies:
        """What :meth:`save` wrote.

        Raises:
            ConfigError: the file is missing, or holds something else.
        """
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            return cls(value["counts"], value["documents"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
            raise ConfigError(f"{path} holds no document frequencies: {error or type(error).__name__}") from None
