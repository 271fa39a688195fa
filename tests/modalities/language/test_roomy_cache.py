"""The cache that is written into, against the one of transformers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import DynamicCache, Gemma2Config

from rsoup_lightning.modalities.language.roomy_cache import AHEAD, RoomyLayer, roomy_cache
from tests.modalities.language.tiny import gpt2, llama

PROMPTS = torch.tensor([[0, 5, 9], [7, 30, 2]])


def read(model: Any, cache: DynamicCache, steps: int) -> torch.Tensor:
    """Logits of prompts, of three copies of the first and one of the second, and of a token at a time after them."""
    logits = [model(input_ids=PROMPTS, past_key_values=cache).logits[[0, 0, 0, 1], -1:]]
    cache.batch_select_indices(torch.tensor([0, 0, 0, 1]))
    logits += [model(input_ids=torch.full((4, 1), 3 + i), past_key_values=cache).logits for i in range(steps)]
    return torch.cat(logits, dim=1)


@pytest.mark.filterwarnings("ignore:`past_key_values` is deprecated:FutureWarning")
@pytest.mark.parametrize("model", [llama(), gpt2()])
@torch.no_grad()
def test_holds_what_the_cache_of_transformers_holds(model: Any) -> None:
    ours, theirs = roomy_cache(model.config), DynamicCache(config=model.config)
    steps = AHEAD + 3  # memory is taken anew on the way
    assert torch.equal(read(model, ours, steps), read(model, theirs, steps))
    for own, other in zip(ours.layers, theirs.layers, strict=True):
        assert torch.equal(own.keys, other.keys) and torch.equal(own.values, other.values)


@torch.no_grad()
def test_a_token_moves_nothing_that_is_held() -> None:
    layer, states = RoomyLayer(), torch.randn(2, 3, 4, 5)
    first, _ = layer.update(states, states)
    for _ in range(AHEAD):
        keys, values = layer.update(states[:, :, :1], states[:, :, 1:2])
    assert keys.data_ptr() == first.data_ptr() != values.data_ptr()
    assert layer.get_seq_length() == 4 + AHEAD
    layer.batch_select_indices(torch.tensor([1]))  # other rows must not be written into the memory of these
    moved, _ = layer.update(states[1:, :, :1], states[1:, :, :1])
    assert torch.equal(moved[:, :, :-1], keys[1:]) and moved.data_ptr() != keys.data_ptr()


def test_with_gradient_nothing_is_written_over() -> None:
    layer, states = RoomyLayer(), torch.randn(2, 3, 4, 5, requires_grad=True)
    keys, _ = layer.update(states, states)
    longer, _ = layer.update(states, states)
    (keys.square().sum() + longer.sum()).backward()
    assert torch.allclose(states.grad, 2 * states + 2)  # type: ignore[arg-type]


def test_layers_with_a_window_stay_as_they_are() -> None:
    cache = roomy_cache(Gemma2Config(num_hidden_layers=2, sliding_window=4))
    assert [type(layer).__name__ for layer in cache.layers] == ["DynamicSlidingWindowLayer", "RoomyLayer"]
