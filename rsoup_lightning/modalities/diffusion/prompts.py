"""Prompts as numbers, and what frozen text encoders make of each, once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.family import Conditions, Family
from rsoup_lightning.modalities.pretrained import check_tokens

MOST_BYTES = 2**31
"""Of what encoders made of prompts: 250 of FLUX.1, 390 of Stable Diffusion 3 with T5, or 9000 of Stable Diffusion 1."""


class EncodedPrompts(nn.Module):
    """The distinct prompts seen so far, by number. Number 0 is none, which guidance leads away from.

    What the encoders made of the prompts that were used last is kept in memory; others are encoded anew when they come
    again, to the same bits.

    Args:
        family: the pipeline; its text encoders are frozen here.
        most_bytes: of what is kept, but for one prompt, which may be larger.

    Raises:
        ConfigError: a tokenizer cannot pad, pads to more tokens than its encoder reads, or writes one that the encoder
            has no embedding for.

    Notation: B rows.
    """

    def __init__(self, family: Family, most_bytes: int = MOST_BYTES) -> None:
        super().__init__()
        self._family = family
        self._readers = [(tokenizer, length, encoder.config) for encoder, tokenizer, length in family.readers()]
        for tokenizer, writes, config in self._readers:
            reads = getattr(config, "max_position_embeddings", writes)  # T5 has no such bound
            if tokenizer.pad_token is None:
                raise ConfigError("the pipeline's tokenizer has no padding token: set its pad_token and save it again")
            if writes > reads:
                raise ConfigError(
                    f"the pipeline's tokenizer pads prompts to {writes} tokens, and its text encoder reads {reads}: "
                    f"set model_max_length to {reads} in its tokenizer_config.json"
                )
        encoders = [encoder.requires_grad_(False).eval() for encoder, _, _ in family.readers()]
        self.text_encoders = nn.ModuleList(encoders)
        self._numbers: dict[str | None, int] = {}
        self._prompts: list[str | None] = []
        self._told = OrderedDict[int, Conditions]()  # on the CPU, a row of each; what was used last comes last
        self._most_bytes, self._bytes = most_bytes, 0

    def numbers(self, prompts: Sequence[str]) -> Tensor:
        """``[B]`` the numbers of prompts, on the encoders' device; new ones are encoded."""
        for prompt in dict.fromkeys([None, *prompts]):
            if prompt not in self._numbers:
                self._keep(len(self._prompts), self._encode(prompt))  # or fails, and the prompt has no number
                self._numbers[prompt] = len(self._prompts)
                self._prompts.append(prompt)
        return torch.tensor([self._numbers[prompt] for prompt in prompts], device=self._device)

    def check_lengths(self, prompts: Sequence[str]) -> None:
        """Require that some text encoder reads all of each prompt; pipelines of diffusers cut what is longer.

        Raises:
            ConfigError: one is too long.
        """
        tokenizer, most, _ = max(self._readers, key=lambda reader: reader[1])
        for prompt, tokens in zip(prompts, tokenizer(list(prompts))["input_ids"], strict=True):
            if len(tokens) > most:
                raise ConfigError(
                    f"the prompt {prompt!r:.60} has {len(tokens)} tokens with its frame, and the text encoder reads "
                    f"{most}: shorten it"
                )

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Prompts that are new inside the block are forgotten after it, as players are asked ever new ones."""
        count = len(self._prompts)
        try:
            yield
        finally:
            for prompt in self._prompts[count:]:
                self._drop(self._numbers.pop(prompt))
            del self._prompts[count:]

    def forward(self, numbers: Tensor) -> Conditions:
        """What the network is told of the prompts ``numbers [B]``: a row for each."""
        rows = [self._row(number) for number in numbers.tolist()]
        return {name: torch.stack([row[name] for row in rows]).to(numbers.device) for name in rows[0]}

    def _row(self, number: int) -> Conditions:
        if number not in self._told:
            self._keep(number, self._encode(self._prompts[number]))
        self._told.move_to_end(number)
        return self._told[number]

    def _keep(self, number: int, told: Conditions) -> None:
        self._told[number] = told
        self._bytes += _bytes(told)
        while self._bytes > self._most_bytes and len(self._told) > 1:
            self._drop(next(iter(self._told)))

    def _drop(self, number: int) -> None:
        self._bytes -= _bytes(self._told.pop(number, {}))

    @torch.no_grad()
    def _encode(self, prompt: str | None) -> Conditions:
        # Alone: its last bits would else depend on what it is encoded beside, and so on where a run was resumed.
        for tokenizer, length, config in self._readers:
            check_tokens(encode_tokens(tokenizer, [prompt or ""], length)[0].tolist(), tokenizer, config.vocab_size)
        training = self.text_encoders.training
        self.text_encoders.eval()
        # It is kept: under the mixed precision of a training step it would have other digits than in a sweep.
        with torch.autocast(self._device.type, enabled=False):
            told = self._family.encode(prompt, self._device)
        self.text_encoders.train(training)
        return {name: (row.float() if row.is_floating_point() else row)[0].cpu() for name, row in told.items()}

    @property
    def _device(self) -> torch.device:
        return next(self.text_encoders.parameters()).device


def _bytes(told: Conditions) -> int:
    return sum(row.nbytes for row in told.values())


def encode_tokens(tokenizer: Any, prompts: Sequence[str], length: int | None = None) -> Tensor:
    """``[B, L]`` tokens as pipelines of diffusers feed them: padded, or cut, to the most the encoder reads."""
    encoded = tokenizer(
        list(prompts),
        padding="max_length",
        max_length=length or tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    return encoded.input_ids
