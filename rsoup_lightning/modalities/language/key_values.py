"""The cache of keys and values of a batch whose rows come and go while it is written.

Notation: N rows, H heads of D numbers, C columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin


class KeyValues(Cache):
    """Keys and values of N rows of different lengths, which all end in the same column, as left-padded prompts do.

    So every causal model that reads left-padded prompts can go on with them, layers with a sliding window included, and
    a token costs one write into columns that are there already. Rows stand together: the last one takes the place of
    one that leaves.

    Args:
        prompts: lengths of prompts to be read from their beginning, padded on the left. None: rows are taken from
            other caches.
        limit: the most tokens to hold, rows times columns; None: no limit. The caller has seen to it that what it takes
            fits in.

    Attributes:
        lengths: how many tokens each row has read; negative where padding comes first.
    """

    def __init__(self, prompts: Sequence[int] = (), limit: int | None = None) -> None:
        super().__init__(layer_class_to_replicate=lambda: Columns(self))  # type: ignore[arg-type]
        longest = max(prompts, default=0)
        self.lengths = [length - longest for length in prompts]
        self.end = 0
        self.slots, self.width = len(prompts), longest
        self._needs = list(prompts)
        self._limit = limit

    @property
    def start(self) -> int:
        """The first column that a row uses."""
        return self.end - max(self.lengths, default=0)

    def reading(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """How ``count`` more tokens of each row are to be read.

        Returns:
            Mask ``[N, C]``, 1 where there is a token, and positions ``[N, count]``.
        """
        lengths = torch.tensor(self.lengths, device=device).unsqueeze(1)
        span = self.end - self.start
        mask = torch.arange(span + count, device=device) >= span - lengths
        return mask.long(), (lengths + torch.arange(count, device=device)).clamp(min=0)

    def room(self, count: int) -> None:
        """Have columns for ``count`` more tokens, before a model reads them."""
        if self.end + count > self.width:
            self._place(self.end - self.start)

    def advance(self, count: int) -> None:
        """Each row has read ``count`` more tokens."""
        self.end += count
        self.lengths = [length + count for length in self.lengths]

    def take(self, other: KeyValues, row: int, need: int) -> None:
        """Add a row of another cache, which will read ``need`` tokens in all at most."""
        length, rows = other.lengths[row], len(self.lengths)
        self._needs.append(need)
        if not rows:
            self.layers, self.slots, self.end = [Columns(self, *layer.tensors) for layer in _columns(other)], 0, 0
        if rows >= self.slots or need > self.width or length > self.end:
            self._place(max(length, self.end - self.start))
        self.lengths.append(length)
        for own, theirs in zip(_columns(self), _columns(other), strict=True):
            for mine, given in zip(own.tensors, theirs.tensors, strict=True):
                mine[rows, :, self.end - length : self.end] = given[row, :, other.end - length : other.end]

    def leave(self, row: int) -> None:
        """Drop a row; the last one takes its place. Without rows, no memory is held."""
        start, last = self.start, len(self.lengths) - 1
        for listed in (self.lengths, self._needs):
            listed[row] = listed[last]
            listed.pop()
        if not last:
            self.layers.clear()
        for layer in _columns(self):
            for tensor in layer.tensors:
                tensor[row, :, start : self.end] = tensor[last, :, start : self.end]

    def _place(self, end: int) -> None:
        """Move what is held so that it ends at column ``end``, in new memory where it is too small."""
        rows, start, old = len(self.lengths), self.start, self.end
        grow = len(self._needs) > self.slots or max(self._needs) > self.width
        if grow:
            self.width = max(self._needs)
            most = self._limit // self.width if self._limit else 2 * len(self._needs)
            self.slots = max(len(self._needs), min(2 * rows, most))
        for layer in _columns(self):
            kept = [tensor[:rows, :, start:old] for tensor in layer.tensors]
            if grow:
                layer.lazy_initialization(*kept)
            else:
                kept = [tensor.clone() for tensor in kept]  # they overlap with where they go
            for tensor, part in zip(layer.tensors, kept, strict=True):
                tensor[:rows, :, end - part.shape[2] : end] = part
        self.end = end


class Columns(CacheLayerMixin):
    """One layer of :class:`KeyValues`.

    Args:
        rows: what it is a layer of.
        *like: keys and values of the shapes and type of those to come, but for the number of rows and columns.

    Attributes:
        tensors: keys and values ``[slots, H, width, D]``.
    """

    def __init__(self, rows: KeyValues, *like: Tensor) -> None:
        super().__init__()
        self._rows, self.tensors = rows, [tensor[:0, :, :0] for tensor in like]

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """As transformers asks it at the first step."""
        slots, width = self._rows.slots, self._rows.width
        self.tensors = [
            states.new_zeros(slots, states.shape[1], width, states.shape[3]) for states in (key_states, value_states)
        ]
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        """Write the keys and values of new tokens, and give those of all tokens so far."""
        if not self.tensors:
            self.lazy_initialization(key_states, value_states)
        rows, start, end = len(self._rows.lengths), self._rows.start, self._rows.end
        after = end + key_states.shape[2]
        for held, new in zip(self.tensors, (key_states, value_states), strict=True):
            held[:rows, :, end:after] = new
        keys, values = (held[:rows, :, start:after] for held in self.tensors)
        return keys, values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many columns a mask has, and where it begins."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """How many tokens there are before those of this step."""
        return self._rows.end - self._rows.start

    def get_max_length(self) -> int:
        return -1


def _columns(rows: KeyValues) -> list[Columns]:
    """Its layers, as what they are."""
    return [layer for layer in rows.layers if isinstance(layer, Columns)]
