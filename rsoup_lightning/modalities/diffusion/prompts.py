"""Prompts as numbers, and what frozen text encoders make of each, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.family import Conditions, Family
from rsoup_lightning.modalities.pretrained import check_tokens


class EncodedPrompts(nn.Module):
    """The distinct prompts seen so far, in memory. Number 0 is none, which guidance leads away from.

    Args:
        family: the pipeline; its text encoders are frozen here.

    Raises:
        ConfigError: a tokenizer cannot pad, pads to more tokens than its encoder reads, or writes one that the encoder
            has no embedding for.

    Notation: B rows.
    """

    def __init__(self, family: Family) -> None:
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
        self._told: list[Conditions] = []  # on the CPU, a row of each

    def numbers(self, prompts: Sequence[str]) -> Tensor:
        """``[B]`` the numbers of prompts, on the encoders' device; new ones are encoded."""
        for prompt in dict.fromkeys([None, *prompts]):
            if prompt not in self._numbers:
                self._told.append(self._encode(prompt))  # or fails, and the prompt has no number
                self._numbers[prompt] = len(self._told) - 1
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
        count = len(self._told)
        try:
            yield
        finally:
            self._numbers = {prompt: number for prompt, number in self._numbers.items() if number < count}
            del self._told[count:]

    def forward(self, numbers: Tensor) -> Conditions:
        """What the network is told of the prompts ``numbers [B]``: a row for each."""
        rows = [self._told[number] for number in numbers.tolist()]
        return {name: torch.stack([row[name] for row in rows]).to(numbers.device) for name in rows[0]}

    @torch.no_grad()
    def _encode(self, prompt: str | None) -> Conditions:
        # Alone: its last bits would else depend on what it is encoded beside, and so on where a run was resumed.
        for tokenizer, length, config in self._readers:
            check_tokens(encode_tokens(tokenizer, [prompt or ""], length)[0].tolist(), tokenizer, config.vocab_size)
        training = self.text_encoders.training
        self.text_encoders.eval()
        told = self._family.encode(prompt, self._device)
        self.text_encoders.train(training)
        return {name: (row.float() if row.is_floating_point() else row)[0].cpu() for name, row in told.items()}

    @property
    def _device(self) -> torch.device:
        return next(self.text_encoders.parameters()).device


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
