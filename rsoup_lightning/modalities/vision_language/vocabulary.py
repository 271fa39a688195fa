"""What a model's tokens mean: words of a small vocabulary, or open_clip's own byte pairs."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rsoup_lightning.captions import read
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import write_text


class AnswerVocabulary(ABC):
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


class WordVocabulary(AnswerVocabulary):
    """One token per word, as caption metrics cut them. So a box of large numbers is four words, though the tokeniser
    takes it for a telephone number.

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
        return cls(sorted({word for text in texts for word in read(text).words}))

    def __len__(self) -> int:
        return len(self.words) + 4

    def encode(self, text: str) -> list[int]:
        return [self._tokens.get(word, self.unknown) for word in read(text).words]

    def decode(self, tokens: Sequence[int]) -> str:
        return " ".join(self.words[token - 4] for token in tokens if token >= 4)

    def check(self, answers: Sequence[Sequence[str]]) -> None:
        """Require that for half of all items at least, one of its ``answers`` can be written with these words.

        Raises:
            ConfigError: that is not so; names words that are missing.
        """
        unknown = [[set(read(text).words) - self._tokens.keys() for text in texts] for texts in answers]
        beyond = [lacking for lacking in unknown if lacking and all(lacking)]
        if len(beyond) > len(answers) / 2:
            missing = sorted(set().union(*(words for lacking in beyond for words in lacking)))
            raise ConfigError(
                f"the answers to {len(beyond)} of {len(answers)} items hold words that the model has no token for, "
                f"such as {', '.join(missing[:5])}: its words are those of the training split, which must be like this"
            )

    def save(self, path: Path) -> None:
        """Write the words as JSON, whole or not at all."""
        write_text(path, json.dumps(self.words))

    @classmethod
    def load(cls, path: Path) -> WordVocabulary:
        """What :meth:`save` wrote."""
        return cls(json.loads(path.read_text(encoding="utf-8")))


class BytePairs(AnswerVocabulary):
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
