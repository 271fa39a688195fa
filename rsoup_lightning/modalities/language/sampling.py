"""Sampling completions with a cache of keys and values, token by token, from many prompts at once.

Notation: B rows, P tokens of the longest prompt, T of the longest completion, V words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.modalities.language.reading import Reader
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.modalities.tokens import token_log_probs

Noise = Callable[[int, int, torch.device], Tensor]
"""Gumbel noise ``[R, V]`` for R rows and V words, on a device: one call per token."""


@dataclass(frozen=True)
class Completions:
    """What was sampled.

    Attributes:
        tokens: ``[B, T]``, the end token included, padding after it.
        log_probs: ``[B, T]`` of the tokens, at the temperature they were sampled at; 0 on padding.
        mask: ``[B, T]`` bool, true up to and including the end token.
    """

    tokens: Tensor
    log_probs: Tensor
    mask: Tensor


@torch.no_grad()
def sample_completions(
    model: Any,
    prompts: PromptTokens,
    copies: Tensor | None = None,
    *,
    limit: int,
    ends: Sequence[int],
    padding: int,
    temperature: float = 1.0,
    noise: Noise | None = None,
    goes_on: Callable[[Tensor], bool] = torch.Tensor.any,  # type: ignore[assignment]
    groups: int | None = None,
) -> Completions:
    """Continue each prompt until one of the end tokens.

    Args:
        model: a causal model of transformers, in evaluation mode.
        prompts: what to continue.
        copies: ``[B]`` which prompt each row continues; None: each one once.
        limit: the most tokens of a completion.
        ends: tokens that end one.
        padding: the token to fill up with.
        temperature: of the softmax.
        noise: added to the logits, which makes the largest a sample (Gumbel 1954; Maddison et al. 2014). With fewer
            rows than there are, rows a multiple apart share theirs. None: the most likely token.
        goes_on: whether to sample another token, of which rows ``[B]`` are unfinished.
        groups: of prompts that the same weights read, as of :class:`Reader`.
    """
    reader = Reader(model, prompts, copies, groups=groups)
    logits = reader.logits
    rows, device = len(logits), logits.device
    stops = torch.tensor(list(ends), device=device)
    open_rows = torch.ones(rows, dtype=torch.bool, device=device)
    columns: list[tuple[Tensor, Tensor, Tensor]] = []
    for index in range(limit):
        scaled = logits[:, -1].float() / temperature
        chosen = _choose(scaled, noise)
        log_probs = token_log_probs(scaled.unsqueeze(1), chosen.unsqueeze(1)).squeeze(1)
        columns.append((torch.where(open_rows, chosen, padding), log_probs * open_rows, open_rows))
        open_rows = open_rows & ~torch.isin(chosen, stops)
        if index + 1 == limit or not goes_on(open_rows):
            break
        logits, _ = reader.read(columns[-1][0].unsqueeze(1))
    tokens, scores, mask = (torch.stack(column, dim=1) for column in zip(*columns, strict=True))
    return Completions(tokens, scores, mask)


def gumbel(generators: Sequence[torch.Generator] | None = None) -> Noise:
    """Fresh noise at each call.

    Args:
        generators: of the CPU, one per row, so that a row's noise depends on its own alone; with fewer than there are
            rows, groups of rows share them. None: the device's global one, for every row.
    """

    def noise(rows: int, words: int, device: torch.device) -> Tensor:
        if generators is None:
            draws = torch.rand(rows, words, device=device)
        else:
            draws = torch.stack([torch.rand(words, generator=generator) for generator in generators])
        # -log(-log u): a draw of u = 0 gives -inf, a word that is not chosen. On CPUs a third of the time of
        # exponential_().
        return draws.log_().neg_().log_().neg_().to(device)

    return noise


def _choose(logits: Tensor, noise: Noise | None) -> Tensor:
    """``[B]`` the largest of ``logits [B, V]`` plus noise."""
    if noise is None:
        return logits.argmax(-1)
    drawn = noise(len(logits), logits.shape[1], logits.device)
    return (logits.view(-1, *drawn.shape) + drawn).argmax(-1).flatten()
