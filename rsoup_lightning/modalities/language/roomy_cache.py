"""A cache of keys and values that a token is written into, where transformers' own copies all it holds for each token.

Notation: B rows, H heads of D numbers, N tokens held.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

AHEAD = 32
"""Tokens there is room for beyond those held, each time that memory is taken."""


def roomy_cache(config: Any) -> DynamicCache:
    """The dynamic cache of a model of this configuration, with a :class:`RoomyLayer` where each layer keeps all."""
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


class RoomyLayer(DynamicLayer):
    """One layer, with room for tokens to come. With gradient it is a ``DynamicLayer``: what is held may not change."""

    def __init__(self) -> None:
        super().__init__()
        self._rooms: list[Tensor | None] = [None, None]

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Write keys and values ``[B, H, n, D]`` of n tokens, and give those of all N + n."""
        if torch.is_grad_enabled():
            keys, values = super().update(key_states, value_states, *args, **kwargs)
            return keys, values
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys, self.values = self._written(0, self.keys, key_states), self._written(1, self.values, value_states)
        return self.keys, self.values

    def _written(self, which: int, held: Tensor | None, new: Tensor) -> Tensor:
        """``held [B, H, N, D]`` and ``new [B, H, n, D]`` after it."""
        before = self.get_seq_length()
        after = before + new.shape[-2]
        room = self._rooms[which]
        if room is None or held is None or room.data_ptr() != held.data_ptr() or room.shape[-2] < after:
            room = new.new_empty(*new.shape[:2], after + AHEAD, new.shape[-1])
            if held is not None and before:
                room[:, :, :before] = held
            self._rooms[which] = room
        room[:, :, before:after] = new
        return room[:, :, :after]
