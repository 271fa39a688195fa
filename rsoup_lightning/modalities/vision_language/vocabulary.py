"""What a model's tokens mean: words of a small vocabulary, or open_clip's own byte pairs."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rsoup_lightning.captions.tokens import tokenise
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import write_text


class Vocabulary(ABC):
    """Texts as tokens, and back.

    Attributes:
        padding: the token that fills rows up; CoCa masks it.
        start: the token before a text.
        end: the token after a text.
    """

    padding = 0
    start: int
    end: int

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The tokens of a text, without start and end."""

    @abstractmethod
    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens among which are neither start, end nor padding."""

    def prompt(self, question: str) -> list[int]:
        """What stands before an answer: the question between two starts, or a start alone where nothing is asked."""
        return [self.start, *self.encode(question), self.start] if question.strip() else [self.start]


class WordVocabulary(Vocabulary):
    """One token per word, as caption metrics cut them.

    Args:
        known: the words, each once.

    >>> vocabulary = WordVocabulary(["red", "heart"])
    >>> vocabulary.encode("Red heart!"), vocabulary.decode([4, 5])
    ([4, 5], 'red heart')
    """

    start, end, unknown = 1, 2, 3

    def __init__(self, known: Iterable[str]) -> None:
        self.words = list(known)
        self._tokens = {word: number for number, word in enumerate(self.words, start=4)}

    @classmethod
    def of(cls, texts: Iterable[str]) -> WordVocabulary:
        """All words of ``texts``, in the order of the alphabet."""
        return cls(sorted({word for text in texts for word in tokenise(text)}))

    def __len__(self) -> int:
        return len(self.words) + 4

    def encode(self, text: str) -> list[int]:
        return [self._tokens.get(word, self.unknown) for word in tokenise(text)]

    def decode(self, tokens: Sequence[int]) -> str:
        return " ".join(self.words[token - 4] for token in tokens if token >= 4)

    def check(self, texts: Sequence[str]) -> None:
        """Require that at least half of ``texts`` can be written with these words.

        Raises:
            ConfigError: they cannot; names words that are missing.
        """
        missing = [word for text in texts for word in tokenise(text) if word not in self._tokens]
        if sum(any(word not in self._tokens for word in tokenise(text)) for text in texts) > len(texts) / 2:
            raise ConfigError(
                f"most answers of the data hold words that the model has no token for, such as {sorted(set(missing))[:5]}"
                ": it was pre-trained on other data; give it the data it was made for, or pre-train it anew"
            )

    def save(self, path: Path) -> None:
        """Write the words as JSON, whole or not at all."""
        write_text(path, json.dumps(self.words))

    @classmethod
    def load(cls, path: Path) -> WordVocabulary:
        """What :meth:`save` wrote."""
        return cls(json.loads(path.read_text(encoding="utf-8")))


class BytePairs(Vocabulary):
    """The vocabulary of an open_clip model.

    Args:
        tokenizer: its SimpleTokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.start, self.end = tokenizer.sot_token_id, tokenizer.eot_token_id

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text))

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode([token for token in tokens if token not in (self.start, self.end)])).strip()
