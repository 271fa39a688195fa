"""Keys and values of rows that come and go: what was written is what is read, wherever it lies."""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch import Tensor

from rsoup_lightning.modalities.language.key_values import KeyValues

HEADS, WIDTH = 2, 3


def states(row: int, positions: list[int]) -> Tensor:
    """Numbers that tell row and position apart, ``[1, H, T, D]``."""
    place = torch.tensor([1000.0 * row + position for position in positions])
    return place.view(1, 1, -1, 1).expand(1, HEADS, len(positions), WIDTH).clone()


def write(cache: KeyValues, names: list[int], count: int = 1) -> tuple[Tensor, Tensor]:
    """``count`` more tokens of each row, as a model of one layer reads them."""
    mask, positions = cache.reading(count, torch.device("cpu"))
    new = torch.cat([states(name, own) for name, own in zip(names, positions.tolist(), strict=True)])
    keys, values = cache.update(new, -new, 0)
    assert torch.equal(values, -keys) and mask.shape == (len(names), keys.shape[2])
    cache.advance(count)
    return keys, mask


def check(keys: Tensor, mask: Tensor, names: list[int]) -> None:
    """Each row has its own tokens, in order, where the mask says so."""
    for row, name in enumerate(names):
        kept = keys[row, :, mask[row].bool()]
        assert torch.equal(kept, states(name, list(range(kept.shape[1])))[0])


def prompt(name: int, length: int, slices: int = 1) -> KeyValues:
    cache = KeyValues([length])
    for count in [length // slices] * (slices - 1) + [length - length // slices * (slices - 1)]:
        keys, mask = write(cache, [name], count)
    check(keys, mask, [name])
    return cache


@pytest.mark.parametrize("limit", [None, 120])
def test_rows_keep_their_tokens_however_others_come_and_go(limit: int | None) -> None:
    for seed in range(20):
        chance, cache, names, left = Random(seed), KeyValues(limit=limit), list[int](), dict[int, int]()
        for step in range(120):
            room = limit is None or (len(names) + 1) * 30 <= limit
            if room and len(names) < 6 and (not names or chance.random() < 0.3):
                length, more = chance.randint(1, 20), chance.randint(1, 10)
                cache.take(prompt(step, length, chance.choice([1, 2]) if length > 1 else 1), 0, length + more)
                names.append(step)
                left[step] = more
            cache.room(1)
            keys, mask = write(cache, names)
            check(keys, mask, names)
            left = {name: more - 1 for name, more in left.items()}
            for row in reversed(range(len(names))):
                if left[names[row]] == 0 or chance.random() < 0.05:
                    cache.leave(row)
                    left.pop(names[row])
                    names[row] = names[-1]
                    names.pop()
            assert cache.lengths == [] or cache.width >= max(cache.lengths)
            assert limit is None or cache.slots * cache.width <= limit


def test_prompts_of_different_lengths_are_padded_on_the_left() -> None:
    cache = KeyValues([1, 4, 2])
    mask, positions = cache.reading(4, torch.device("cpu"))
    assert mask.tolist() == [[0, 0, 0, 1], [1, 1, 1, 1], [0, 0, 1, 1]]
    assert positions.tolist() == [[0, 0, 0, 0], [0, 1, 2, 3], [0, 0, 0, 1]]
    cache.update(torch.ones(3, HEADS, 4, WIDTH), torch.ones(3, HEADS, 4, WIDTH), 0)
    cache.advance(4)
    assert cache.lengths == [1, 4, 2] and cache.get_seq_length() == 4 and cache.get_mask_sizes(1, 0) == (5, 0)
    answers = KeyValues()
    for row, length in enumerate(cache.lengths):
        answers.take(cache, row, length + 3)
    assert answers.lengths == cache.lengths and answers.start == answers.end - 4


def test_without_rows_no_memory_is_held() -> None:
    cache = KeyValues()
    cache.take(prompt(0, 5), 0, 9)
    cache.leave(0)
    assert not cache.layers and cache.lengths == []
