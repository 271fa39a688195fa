"""Texts that are written together, each at a λ and with settings of its own, though they begin and end at any time.

Notation: N rows, V words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, check_at_least_one
from rsoup_lightning.mixture import Mixture
from rsoup_lightning.modalities.language.asking import FILLER, Asking
from rsoup_lightning.modalities.language.choosing import choose_tokens
from rsoup_lightning.modalities.language.key_values import KeyValues
from rsoup_lightning.modalities.language.pieces import TextPiece
from rsoup_lightning.modalities.language.policy import TextPolicy
from rsoup_lightning.modalities.language.reading import cache_argument
from rsoup_lightning.modalities.language.text_row import TextRequest, TextRow
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.simplex import Coefficients, one_hot

ATTENTION = {"full_attention", "sliding_attention"}  # where rows that come and go are tested


class RunningTexts:
    """A batch of answers that rows join and leave between two tokens.

    A step reads a slice of the prompts that have joined, and writes a token of every answer. What rows of different λ
    have read is never shared: keys and values depend on λ.

    Args:
        soup: the experts.
        asking: how their prompts are written.
        ends: tokens that end an answer and are not part of it.
        stops: tokens that end it and are part of it.
        context: the most tokens the model reads; None: any number.
        max_new_tokens: of an answer, where a request does not say.
        max_rows: how many answers to write at once.
        max_tokens: how many tokens to have in memory, a prompt that is being read aside: rows times the longest of
            prompt and answer.
        slice_tokens: how many tokens of prompts to read in a step.

    Attributes:
        asking, max_new_tokens: as given.
        temperature: that the experts were trained at.

    Raises:
        ConfigError: a limit below 1, or a model that keeps something else of what it has read than keys and values.
    """

    def __init__(
        self,
        soup: Mixture,
        asking: Asking,
        ends: Sequence[int],
        stops: Sequence[int] = (),
        context: int | None = None,
        max_new_tokens: int = 128,
        *,
        max_rows: int = 16,
        max_tokens: int = 16384,
        slice_tokens: int = 256,
    ) -> None:
        check_at_least_one(max_rows=max_rows, max_tokens=max_tokens, slice_tokens=slice_tokens)
        policy = soup.mixed([one_hot(len(soup.experts))[0]])
        if not isinstance(policy, TextPolicy):
            raise ConfigError(f"texts are written by language policies, not by {type(policy).__name__}")
        with policy.playing() as model:
            self._device = next(model.parameters()).device
            self._cache = cache_argument(model)
            _check_attention(model.config.get_text_config())
        self.asking, self.max_new_tokens, self.temperature = asking, max_new_tokens, policy.temperature
        self._soup, self._ends, self._stops, self._context = soup, frozenset(ends), frozenset(stops), context
        self._max_rows, self._max_tokens, self._slice = max_rows, max_tokens, slice_tokens
        self._numbers = count()
        self._unread = torch.empty(0, 0, dtype=torch.long)
        self._waiting: list[TextRow] = []
        self._reading: list[TextRow] = []
        self._writing: list[TextRow] = []
        self.clear()

    def __len__(self) -> int:
        """How many rows there are, in whatever state."""
        return len(self._rows)

    @property
    def _rows(self) -> list[TextRow]:
        return [*self._waiting, *self._reading, *self._writing]

    @property
    def points(self) -> set[Coefficients]:
        """The λ that play now."""
        return {row.request.coefficients for row in self._rows}

    def check(self, request: TextRequest) -> None:
        """Require that a request can be answered at all.

        Raises:
            ConfigError: it has no prompt, or is too long for the model or for the memory given.
        """
        length, limit = len(request.prompt), request.max_new_tokens
        if not length:
            raise ConfigError("the prompt is empty, and the tokenizer adds no start token: write something")
        check_at_least_one(max_new_tokens=limit)
        if self._context is not None and length + limit > self._context:
            raise ConfigError(
                f"the prompt has {length} tokens, and the model reads {self._context} of which {limit} are the "
                "answer's: shorten one of them"
            )
        if request.need > self._max_tokens:
            raise ConfigError(
                f"prompt and answer may have {request.need} tokens, and max_tokens gives memory for "
                f"{self._max_tokens}: shorten them, or raise it"
            )

    def limit(self, prompt: Sequence[int]) -> int:
        """Tokens of an answer where nobody says: as the experts were trained, or what has room after the prompt."""
        room = min(self._context or self._max_tokens, self._max_tokens) - len(prompt)
        return max(min(self.max_new_tokens, room), 1)

    def fits(self, request: TextRequest) -> bool:
        """Whether a request can join now."""
        rows = self._rows
        if not self._soup.side_by_side and self.points - {request.coefficients}:
            return False
        longest = max([request.need, *(row.request.need for row in rows)])
        return len(rows) < self._max_rows and (len(rows) + 1) * longest <= self._max_tokens

    def join(self, request: TextRequest) -> int:
        """Add a row for a request that :meth:`check` lets pass and that fits; returns what to call it."""
        row = TextRow(next(self._numbers), request, self.asking.tokenizer, self._ends, self._stops)
        self._waiting.append(row)
        return row.name

    def leave(self, name: int) -> None:
        """Drop a row that nobody waits for any more, if it is still there."""
        for place, row in enumerate(self._writing):
            if row.name == name:
                self._drop(place)
                return
        self._waiting = [row for row in self._waiting if row.name != name]
        for row in self._reading:
            row.unwanted |= row.name == name
        if all(row.unwanted for row in self._reading):
            self._reading = []

    def clear(self) -> None:
        """Drop all rows."""
        self._waiting, self._reading, self._writing = [], [], []
        self._prompts, self._answers = KeyValues(), KeyValues(limit=self._max_tokens)

    @torch.no_grad()
    def step(self) -> list[tuple[int, TextPiece]]:
        """Write a token of every answer, and read on in the prompts; rows that are finished have left.

        Returns:
            For each row that has a new token, what it is called and what is new.
        """
        pieces = self._write()
        if not self._reading:
            self._begin()
        return pieces + (self._read() if self._reading else [])

    def _write(self) -> list[tuple[int, TextPiece]]:
        if not self._writing:
            return []
        self._answers.room(1)
        last = torch.tensor([[row.last] for row in self._writing], device=self._device)
        pieces = self._next(self._writing, self._run(self._writing, last, self._answers))
        for place in range(len(self._writing) - 1, -1, -1):
            if self._writing[place].finished:
                self._drop(place)
        return pieces

    def _drop(self, place: int) -> None:
        self._answers.leave(place)
        self._writing[place] = self._writing[-1]
        self._writing.pop()

    def _begin(self) -> None:
        """Take the prompts that are read next: as many as make up one slice, or a longer one alone."""
        longest = 0
        for row in self._waiting:
            longest = max(longest, len(row.request.prompt))
            if self._reading and (len(self._reading) + 1) * longest > self._slice:
                break
            self._reading.append(row)
        self._waiting = self._waiting[len(self._reading) :]
        if self._reading:
            prompts = [row.request.prompt for row in self._reading]
            self._unread = PromptTokens.of(prompts, FILLER).tokens.to(self._device)
            self._prompts = KeyValues(list(map(len, prompts)))

    def _read(self) -> list[tuple[int, TextPiece]]:
        """A slice of the prompts that are being read; after the last one they have their first token."""
        tokens, self._unread = self._unread[:, : self._slice], self._unread[:, self._slice :]
        logits = self._run(self._reading, tokens, self._prompts)
        if self._unread.shape[1]:
            return []
        wanted = [place for place, row in enumerate(self._reading) if not row.unwanted]
        rows = [self._reading[place] for place in wanted]
        pieces = self._next(rows, logits[wanted])
        for place, row in zip(wanted, rows, strict=True):
            if not row.finished:
                self._answers.take(self._prompts, place, row.request.need)
                self._writing.append(row)
        self._reading, self._prompts = [], KeyValues()
        return pieces

    def _run(self, rows: list[TextRow], tokens: Tensor, cache: KeyValues) -> Tensor:
        """Read ``tokens [N, T]``: logits ``[N, V]`` of what follows the last of them."""
        mask, positions = cache.reading(tokens.shape[1], self._device)
        policy = self._soup.mixed([row.request.coefficients for row in rows])
        assert isinstance(policy, TextPolicy)
        with policy.playing() as model:
            output = model(
                input_ids=tokens,
                attention_mask=mask,
                position_ids=positions,
                use_cache=True,
                logits_to_keep=1,
                **{self._cache: cache},
            )
        cache.advance(tokens.shape[1])
        return output.logits[:, -1].float()

    def _next(self, rows: list[TextRow], logits: Tensor) -> list[tuple[int, TextPiece]]:
        """The next token of each row, and what it adds to the answers."""
        requests = [row.request for row in rows]
        chosen = choose_tokens(
            logits,
            [request.temperature for request in requests],
            [request.top_p for request in requests],
            [row.generator for row in rows],
        ).tolist()
        return [(row.name, row.write(*each)) for row, *each in zip(rows, chosen, logits, strict=True)]


def _check_attention(config: Any) -> None:
    """Require that all a model keeps of what it has read are keys and values."""
    kinds = set(getattr(config, "layer_types", None) or ()) - ATTENTION
    if kinds:
        raise ConfigError(
            f"{config.model_type} has layers of {', '.join(sorted(kinds))}, whose rows cannot come and go"
        )
