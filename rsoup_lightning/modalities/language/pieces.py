"""Texts while they are written: tokens in, pieces of text out, until a stop text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

FinishReason = Literal["stop", "length"]
UNFINISHED = "\ufffd"  # what tokenizers write for bytes that are no character yet


@dataclass(frozen=True)
class TokenScore:
    """One token of an answer.

    Attributes:
        token: its number.
        text: what it stands for by itself.
        log_prob: under the model, before temperature and top-p.
        top: the likeliest tokens there, as texts, with their log-probabilities.
    """

    token: int
    text: str
    log_prob: float
    top: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True)
class TextPiece:
    """What is new of an answer.

    Attributes:
        text: never half a character, nor a part of a stop text.
        tokens: how many the answer has so far, its end token included.
        scores: of the tokens that are new, where they were asked for.
        finish_reason: of the last piece: ``stop``, an end token or stop text, or ``length``.
    """

    text: str
    tokens: int
    scores: Sequence[TokenScore] = ()
    finish_reason: FinishReason | None = None


class Unwritten:
    """The text of tokens as they come, held back where the next token may still change it.

    Args:
        tokenizer: of transformers.
        stop: texts before which the answer ends.
    """

    def __init__(self, tokenizer: Any, stop: Sequence[str] = ()) -> None:
        self._tokenizer, self._stop = tokenizer, [text for text in stop if text]
        self._tokens: list[int] = []
        self._before = self._read = 0  # tokens that give context to others, and those whose text is known
        self._held = ""

    def push(self, token: int) -> tuple[str, bool]:
        """Text that is certain now, and whether a stop text has ended it."""
        self._tokens.append(token)
        text = self._fresh()
        if not text or text.endswith(UNFINISHED):
            return "", False
        self._before, self._read = self._read, len(self._tokens)
        return self._certain(text)

    def rest(self) -> tuple[str, bool]:
        """What was held back, when no more tokens come, and whether a stop text has ended it."""
        text, stopped = self._certain(self._fresh())
        return (text if stopped else text + self._held), stopped

    def _fresh(self) -> str:
        """The text of the tokens that were not read yet; some tokenizers write one differently after another."""
        known = self._decoded(self._tokens[self._before : self._read])
        return self._decoded(self._tokens[self._before :])[len(known) :]

    def _decoded(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True))

    def _certain(self, text: str) -> tuple[str, bool]:
        """Of the text held and ``text``, what no stop text can begin in."""
        held = self._held + text
        places = [place for place in map(held.find, self._stop) if place >= 0]
        if places:
            self._held = ""
            return held[: min(places)], True
        keep = max((_overlap(held, stop) for stop in self._stop), default=0)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep], False


def _overlap(text: str, stop: str) -> int:
    """How many letters at the end of ``text`` begin ``stop``.

    >>> _overlap("one t", "two")
    1
    """
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)
