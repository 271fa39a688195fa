"""Prompts as numbers, and what a frozen text encoder makes of each, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.pretrained import check_tokens


class EncodedPrompts(nn.Module):
    """The distinct prompts seen so far, in memory. Number 0 is the empty one, which guidance leads away from.

    Args:
        text_encoder: a ``CLIPTextModel`` of transformers; frozen here.
        tokenizer: its tokenizer.

    Raises:
        ConfigError: the tokenizer cannot pad, pads to more tokens than the encoder reads, or writes one that the
            encoder has no embedding for.

    Notation: B rows, L tokens, D size of an embedding.
    """

    def __init__(self, text_encoder: Any, tokenizer: Any) -> None:
        super().__init__()
        reads, writes = text_encoder.config.max_position_embeddings, tokenizer.model_max_length
        if tokenizer.pad_token is None:
            raise ConfigError("the pipeline's tokenizer has no padding token: set its pad_token and save it again")
        if writes > reads:
            raise ConfigError(
                f"the pipeline's tokenizer pads prompts to {writes} tokens, and its text encoder reads {reads}: set "
                f"model_max_length to {reads} in its tokenizer_config.json"
            )
        self.text_encoder = text_encoder.requires_grad_(False).eval()
        self.tokenizer = tokenizer
        self._numbers: dict[str, int] = {}
        self._embeddings: list[Tensor] = []  # on the CPU, [L, D] each

    def numbers(self, prompts: Sequence[str]) -> Tensor:
        """``[B]`` the numbers of prompts, on the encoder's device; new ones are encoded."""
        new = [prompt for prompt in dict.fromkeys(["", *prompts]) if prompt not in self._numbers]
        for prompt in new:
            self._embeddings.append(self._encode(prompt))  # or fails, and the prompt has no number
            self._numbers[prompt] = len(self._embeddings) - 1
        return torch.tensor([self._numbers[prompt] for prompt in prompts], device=self._device)

    def check_lengths(self, prompts: Sequence[str]) -> None:
        """Require that the text encoder reads all of each prompt; pipelines of diffusers cut what is longer.

        Raises:
            ConfigError: one is too long.
        """
        for prompt, tokens in zip(prompts, self.tokenizer(list(prompts))["input_ids"], strict=True):
            if len(tokens) > self.tokenizer.model_max_length:
                raise ConfigError(
                    f"the prompt {prompt!r:.60} has {len(tokens)} tokens with its frame, and the text encoder reads "
                    f"{self.tokenizer.model_max_length}: shorten it"
                )

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Prompts that are new inside the block are forgotten after it, as players are asked ever new ones."""
        count = len(self._embeddings)
        try:
            yield
        finally:
            self._numbers = {prompt: number for prompt, number in self._numbers.items() if number < count}
            del self._embeddings[count:]

    def forward(self, numbers: Tensor) -> Tensor:
        """``[B, L, D]`` the embeddings of the prompts ``numbers [B]``."""
        return torch.stack([self._embeddings[number] for number in numbers.tolist()]).to(numbers.device)

    @torch.no_grad()
    def _encode(self, prompt: str) -> Tensor:
        # Alone: its last bits would else depend on what it is encoded beside, and so on where a run was resumed.
        tokens = encode_tokens(self.tokenizer, [prompt])
        check_tokens(tokens[0].tolist(), self.tokenizer, self.text_encoder.config.vocab_size)
        training = self.text_encoder.training
        embedding = self.text_encoder.eval()(tokens.to(self._device))[0][0]
        self.text_encoder.train(training)
        return embedding.float().cpu()

    @property
    def _device(self) -> torch.device:
        return next(self.text_encoder.parameters()).device


def encode_tokens(tokenizer: Any, prompts: Sequence[str]) -> Tensor:
    """``[B, L]`` tokens as pipelines of diffusers feed them: padded, or cut, to the most the encoder reads."""
    length = tokenizer.model_max_length
    encoded = tokenizer(list(prompts), padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return encoded.input_ids
