"""Answers in text as OpenAI's two interfaces write them, whole or in chunks.

A request for several answers to several prompts has them all as ``choices``, those to the first prompt first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, ClassVar

from rsoup_lightning.modalities.language.pieces import TextPiece, TokenScore

LEAST = -9999.0
"""The log-probability of what cannot be: JSON has no infinity."""


class Form(ABC):
    """How one of the interfaces writes an answer.

    Attributes:
        prefix: of its identifier.
        whole, chunk: its ``object``.
    """

    prefix: ClassVar[str]
    whole: ClassVar[str]
    chunk: ClassVar[str]

    def opening(self) -> dict[str, Any] | None:
        """What a choice has in a chunk before all others, if anything."""
        return None

    @abstractmethod
    def content(self, text: str) -> dict[str, Any]:
        """What a choice has of the whole text."""

    @abstractmethod
    def addition(self, text: str) -> dict[str, Any]:
        """What a choice has in a chunk of text."""

    @abstractmethod
    def scores(self, scores: Sequence[TokenScore], offset: int) -> dict[str, Any]:
        """Log-probabilities of tokens; those before them have ``offset`` characters."""


class CompletionForm(Form):
    """Of ``/v1/completions``."""

    prefix, whole, chunk = "cmpl", "text_completion", "text_completion"

    def content(self, text: str) -> dict[str, Any]:
        return {"text": text}

    addition = content

    def scores(self, scores: Sequence[TokenScore], offset: int) -> dict[str, Any]:
        offsets = list(accumulate((len(score.text) for score in scores), initial=offset))[:-1]
        return {
            "tokens": [score.text for score in scores],
            "token_logprobs": [_finite(score.log_prob) for score in scores],
            "top_logprobs": [{text: _finite(each) for text, each in reversed(score.top)} for score in scores],
            "text_offset": offsets,
        }


class ChatForm(Form):
    """Of ``/v1/chat/completions``."""

    prefix, whole, chunk = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def opening(self) -> dict[str, Any]:
        return {"delta": {"role": "assistant", "content": ""}}

    def content(self, text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text, "refusal": None}}

    def addition(self, text: str) -> dict[str, Any]:
        return {"delta": {"content": text} if text else {}}

    def scores(self, scores: Sequence[TokenScore], offset: int) -> dict[str, Any]:
        def written(text: str, log_prob: float) -> dict[str, Any]:
            whole = "\N{REPLACEMENT CHARACTER}" not in text  # else a part of a character
            return {"token": text, "logprob": _finite(log_prob), "bytes": list(text.encode()) if whole else None}

        content = [
            {**written(score.text, score.log_prob), "top_logprobs": [written(*top) for top in score.top]}
            for score in scores
        ]
        return {"content": content, "refusal": None}


@dataclass
class Choice:
    """One answer so far.

    Attributes:
        text, tokens, scores, finish_reason: as of its pieces.
        scored: characters of the tokens that have scores.
    """

    text: str = ""
    tokens: int = 0
    scored: int = 0
    scores: list[TokenScore] = field(default_factory=list)
    finish_reason: str | None = None

    def add(self, piece: TextPiece) -> None:
        """What came next."""
        self.text += piece.text
        self.tokens = piece.tokens
        self.scores += piece.scores
        self.scored += sum(len(score.text) for score in piece.scores)
        self.finish_reason = piece.finish_reason


class Answer:
    """The answer to a request, as it grows.

    Args:
        form: how it is written.
        head: identifier, time and model.
        prompt_tokens: of all prompts.
        choices: how many there are.
        scored: whether log-probabilities were asked for.
        usage: whether a stream ends in a chunk of its own that counts tokens.
        record: what the end says of λ.
    """

    def __init__(
        self,
        form: Form,
        head: Mapping[str, Any],
        *,
        prompt_tokens: int,
        choices: int,
        scored: bool,
        usage: bool,
        record: Mapping[str, Any],
    ) -> None:
        self._form, self._head, self._record = form, head, record
        self._prompt_tokens, self._scored, self._counted = prompt_tokens, scored, usage
        self._choices = [Choice() for _ in range(choices)]

    @property
    def tokens(self) -> int:
        """Of all choices so far."""
        return sum(choice.tokens for choice in self._choices)

    def add(self, number: int, piece: TextPiece) -> None:
        """What came next of a choice."""
        self._choices[number].add(piece)

    def body(self) -> dict[str, Any]:
        """All of it, of which every choice has ended."""
        choices = [
            self._choice(number, self._form.content(choice.text), choice.scores, 0, choice.finish_reason)
            for number, choice in enumerate(self._choices)
        ]
        return {**self._object(self._form.whole, choices), "usage": self._usage(), "rsoup": self._record}

    def chunks(self, number: int, piece: TextPiece) -> Iterator[dict[str, Any]]:
        """What is streamed of a piece, which is added. The last chunk of all says what λ is."""
        choice = self._choices[number]
        opening, offset = self._form.opening(), choice.scored
        null = {"usage": None} if self._counted else {}
        if opening is not None and not choice.tokens:
            yield {**self._object(self._form.chunk, [self._choice(number, opening, [], 0, None)]), **null}
        choice.add(piece)
        if piece.text or piece.scores or piece.finish_reason:
            new = self._choice(number, self._form.addition(piece.text), piece.scores, offset, piece.finish_reason)
            ended = all(choice.finish_reason for choice in self._choices)
            record = {"rsoup": self._record} if ended and not self._counted else {}
            yield {**self._object(self._form.chunk, [new]), **null, **record}
            if ended and self._counted:
                yield {**self._object(self._form.chunk, []), "usage": self._usage(), "rsoup": self._record}

    def _object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {**self._head, "object": kind, "choices": choices}

    def _choice(
        self, number: int, content: dict[str, Any], scores: Sequence[TokenScore], offset: int, reason: str | None
    ) -> dict[str, Any]:
        log_probs = self._form.scores(scores, offset) if self._scored else None
        return {"index": number, **content, "logprobs": log_probs, "finish_reason": reason}

    def _usage(self) -> dict[str, int]:
        total = self._prompt_tokens + self.tokens
        return {"prompt_tokens": self._prompt_tokens, "completion_tokens": self.tokens, "total_tokens": total}


def _finite(log_prob: float) -> float:
    return max(log_prob, LEAST)
