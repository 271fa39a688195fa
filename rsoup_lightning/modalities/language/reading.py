"""Running a causal model over left-padded prompts and their completions, each prompt read once however many it has.

What all prompts begin with, as a template with examples, is read once too.

Notation: G prompts of P tokens, B = completions, T their tokens, V words of the vocabulary, H width of the model.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rsoup_lightning.modalities.prompt_tokens import PromptTokens

LEAST_SAVED = 128
"""Tokens that need not be read again, for which another call of the model is worth its time."""


class Reader:
    """A model in the middle of some texts: it has read prompts, and goes on with tokens of their completions.

    Args:
        model: a causal model of transformers, adapters included.
        prompts: what to read first.
        copies: which prompt each of the B completions continues, ``[B]``; None: one completion each.
        hidden: keep the last layer's output too, for a critic.
        groups: in how many groups of one size, in order, prompts are read by the same weights: each group reads what
            all begin with once. None: each prompt is read whole.
    """

    def __init__(
        self,
        model: Any,
        prompts: PromptTokens,
        copies: Tensor | None = None,
        *,
        hidden: bool = False,
        groups: int | None = None,
    ) -> None:
        from rsoup_lightning.modalities.language.roomy_cache import roomy_cache  # which needs transformers

        self._model, self._hidden, self._copies = model, hidden, copies
        self._cache = roomy_cache(model.config)
        begun = self._begin(prompts, groups or len(prompts))
        prompts = prompts.after(begun)
        mask = F.pad(prompts.mask, (begun, 0), value=True)
        positions = begun + (prompts.mask.long().cumsum(1) - 1).clamp(min=0)
        output = self._run(prompts.tokens, mask, positions, logits_to_keep=1)
        self.logits: Tensor = self._spread(output.logits)
        """``[B, 1, V]`` of the first token of each completion."""
        self.hidden: Tensor | None = self._spread(output.hidden_states[-1][:, -1:]) if hidden else None
        """``[B, 1, H]`` behind them."""
        if copies is not None:
            self._cache.batch_select_indices(copies)
        self._mask = self._spread(mask)
        self._next = self._mask.sum(1, keepdim=True)

    def _begin(self, prompts: PromptTokens, groups: int) -> int:
        """Read what all prompts begin with, where that saves enough, and return how many tokens that is."""
        from rsoup_lightning.modalities.language.roomy_cache import RoomyLayer

        saved = len(prompts) - groups
        # What follows is padded on the left again, in the middle of a row: no matter to attention by position, but a
        # window is counted in columns, and a recurrent layer reads padding.
        if not saved or not all(isinstance(layer, RoomyLayer) for layer in self._cache.layers):
            return 0
        count = prompts.common()
        if saved * count < LEAST_SAVED:
            return 0
        row = int(prompts.padding[0])
        tokens = prompts.tokens[:1, row : row + count].expand(groups, -1)
        positions = torch.arange(count, device=tokens.device).expand(groups, -1)
        self._run(tokens, torch.ones_like(tokens), positions, logits_to_keep=1)
        self._cache.batch_repeat_interleave(len(prompts) // groups)
        return count

    def read(self, tokens: Tensor) -> tuple[Tensor, Tensor | None]:
        """Go on with ``tokens [B, N]``: logits ``[B, N, V]`` of what follows each, and ``[B, N, H]`` if asked for."""
        count = tokens.shape[1]
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), count)], dim=1)
        positions = self._next + torch.arange(count, device=tokens.device)
        self._next = self._next + count
        output = self._run(tokens, self._mask, positions)
        return output.logits, output.hidden_states[-1] if self._hidden else None

    def _run(self, tokens: Tensor, mask: Tensor, positions: Tensor, **more: Any) -> Any:
        return self._model(
            input_ids=tokens,
            attention_mask=mask.long(),
            position_ids=positions,
            use_cache=True,
            output_hidden_states=self._hidden,
            **{cache_argument(self._model): self._cache},
            **more,
        )

    def _spread(self, tensor: Tensor) -> Tensor:
        return tensor if self._copies is None else tensor[self._copies]


def completion_logits(
    model: Any,
    prompts: PromptTokens,
    copies: Tensor,
    tokens: Tensor,
    *,
    hidden: bool = False,
    groups: int | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Logits ``[B, T, V]`` of every token of completions, and the hidden states ``[B, T, H]`` behind them if asked for.

    Gradients flow, through the prompts too.

    Args:
        model: a causal model of transformers.
        prompts: G prompts.
        copies: ``[B]`` which prompt each completion continues.
        tokens: ``[B, T]`` the completions, padded on the right.
        hidden: whether to return hidden states.
        groups: as of :class:`Reader`.
    """
    reader = Reader(model, prompts, copies, hidden=hidden, groups=groups)
    if tokens.shape[1] == 1:
        return reader.logits, reader.hidden
    logits, states = reader.read(tokens[:, :-1])
    behind = None if states is None or reader.hidden is None else torch.cat([reader.hidden, states], dim=1)
    return torch.cat([reader.logits, logits], dim=1), behind


def cache_argument(model: nn.Module) -> str:
    """What a causal model of transformers, adapters included, calls its cache: a release of theirs renamed it."""
    from transformers import PreTrainedModel

    inner = next(module for module in model.modules() if isinstance(module, PreTrainedModel))
    return "cache" if "cache" in signature(inner.forward).parameters else "past_key_values"
