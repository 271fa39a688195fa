"""One answer among those that are written together: what is asked, and what is there of it so far.

Notation: V words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.modalities.language.pieces import FinishReason, TextPiece, TokenScore, Unwritten
from rsoup_lightning.simplex import Coefficients


@dataclass(frozen=True)
class TextRequest:
    """What one row is to write.

    Attributes:
        prompt: tokens, template and all.
        coefficients: λ, one number per expert.
        max_new_tokens: the most tokens of the answer, its end token included.
        temperature: of the softmax; 0: the likeliest token each time, and no seed is heeded.
        top_p: share of probability whose likeliest words are drawn from.
        seed: of what is drawn; the answer depends on nothing that is written beside it.
        stop: texts before which the answer ends.
        top_logprobs: how many of the likeliest tokens to score beside the one chosen; None: no scores.
    """

    prompt: Sequence[int]
    coefficients: Coefficients
    max_new_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0
    stop: Sequence[str] = ()
    top_logprobs: int | None = None

    @property
    def points(self) -> list[Coefficients]:
        """λ of its only row."""
        return [self.coefficients]

    @property
    def need(self) -> int:
        """How many tokens it may have in all; the last one is never read."""
        return len(self.prompt) + self.max_new_tokens - 1


class TextRow:
    """An answer that is being written.

    Args:
        name: what to call it.
        request: what is asked.
        tokenizer: of transformers.
        ends: tokens that end an answer and are not part of it.
        stops: tokens that end it and are part of it.

    Attributes:
        name, request: as given.
        generator: of what is drawn.
        last: the last token.
        finished: whether the answer has ended.
        unwanted: whether nobody waits for it any more.
    """

    def __init__(
        self, name: int, request: TextRequest, tokenizer: Any, ends: Collection[int], stops: Collection[int]
    ) -> None:
        self.name, self.request = name, request
        self.generator = torch.Generator().manual_seed(request.seed)
        self.last = 0
        self.finished = self.unwanted = False
        self._tokenizer, self._ends, self._stops = tokenizer, ends, stops
        self._text, self._count = Unwritten(tokenizer, request.stop), 0

    def write(self, token: int, logits: Tensor) -> TextPiece:
        """Add a token, chosen by ``logits [V]``; gives what is new of the answer."""
        self.last, self._count = token, self._count + 1
        top, text, scores = self.request.top_logprobs, "", []
        ended = token in self._ends
        if not ended:
            text, stopped = self._text.push(token)
            ended = stopped or token in self._stops
            scores = [] if top is None else [self._score(token, logits, top)]
        reason: FinishReason | None = "stop" if ended else None
        if reason is None and self._count == self.request.max_new_tokens:
            reason = "length"
        self.finished = reason is not None
        if self.finished:
            rest, stopped = self._text.rest()
            text, reason = text + rest, "stop" if stopped else reason
        return TextPiece(text, self._count, scores, reason)

    def _score(self, token: int, logits: Tensor, top: int) -> TokenScore:
        written, scores = self._tokenizer.decode, logits.log_softmax(-1)
        best = scores.topk(min(top, len(scores)))
        likeliest = zip(map(written, best.indices.unsqueeze(1).tolist()), best.values.tolist(), strict=True)
        return TokenScore(token, written([token]), float(scores[token]), list(likeliest))
