"""Tokens of prompts, as every policy that writes reads them: padded on the left, so that completions begin together.

Notation: G prompts of P tokens at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PromptTokens:
    """Tokens ``[G, P]`` of prompts, padded on the left, and a bool ``mask [G, P]``, true where a token is one.

    Rollouts carry them row by row, as ``prompt_tokens`` and ``prompt_mask``.
    """

    tokens: Tensor
    mask: Tensor

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], filler: int) -> PromptTokens:
        """Of prompts of several lengths, filled up with ``filler``.

        >>> PromptTokens.of([[5], [6, 7]], filler=0).tokens.tolist()
        [[0, 5], [6, 7]]
        """
        width = max(map(len, rows))
        tokens = torch.tensor([[filler] * (width - len(row)) + list(row) for row in rows])
        lengths = torch.tensor([len(row) for row in rows])
        return cls(tokens, torch.arange(width) >= width - lengths.unsqueeze(1))

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, rows: Tensor) -> PromptTokens:
        """Those of ``rows [N]``."""
        return PromptTokens(self.tokens[rows], self.mask[rows])

    def to(self, device: torch.device) -> PromptTokens:
        """The same on another device."""
        return PromptTokens(self.tokens.to(device), self.mask.to(device))

    def trimmed(self) -> PromptTokens:
        """Without the columns that pad all of them."""
        first = int(self.mask.any(0).long().argmax())
        return PromptTokens(self.tokens[:, first:], self.mask[:, first:])

    def common(self) -> int:
        """How many tokens all begin with, where each keeps one of its own at least.

        >>> PromptTokens.of([[5, 6, 7], [5, 6], [5, 6, 8]], filler=0).common()
        1
        """
        most = int(self.lengths.min()) - 1
        begins = self.tokens.gather(1, self.padding.unsqueeze(1) + torch.arange(most, device=self.tokens.device))
        return int((begins == begins[:1]).all(0).long().cumprod(0).sum())

    def after(self, count: int) -> PromptTokens:
        """What follows the first ``count`` tokens of each.

        >>> PromptTokens.of([[5, 6, 7], [5, 8]], filler=0).after(1).tokens.tolist()
        [[6, 7], [5, 8]]
        """
        return PromptTokens(self.tokens, self.mask & (self.mask.long().cumsum(1) > count)).trimmed()

    @property
    def lengths(self) -> Tensor:
        """``[G]`` how many tokens each has."""
        return self.mask.sum(1)

    @property
    def padding(self) -> Tensor:
        """``[G]`` how many columns pad each."""
        return (~self.mask).sum(1)
