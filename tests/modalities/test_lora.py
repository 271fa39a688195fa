"""Adapters to train, and soups of several in one model."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.reading import Reader
from rsoup_lightning.modalities.lora import LoRA, LoRASoups, SoupedPolicy, with_adapter
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.rollout import Rollout
from tests.modalities.language.families import family
from tests.modalities.language.tiny import gpt2, llama

TOKENS = torch.tensor([[5, 9, 4]])


def expert(seed: int, model: torch.nn.Module) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: 0.3 * torch.randn(weight.shape, generator=generator)
        for name, weight in model.named_parameters()
        if "lora_" in name
    }


@torch.no_grad()
def test_a_row_of_one_expert_is_that_expert_and_the_model_is_as_before() -> None:
    model = with_adapter(llama(), LoRA(rank=2)).eval()
    before = model(TOKENS).logits
    experts = [expert(seed, model) for seed in (0, 1)]
    soups, rows = LoRASoups(model, experts, network=""), []
    for point in torch.eye(2).tolist():
        with soups.at([point, point]) as souped:
            rows.append(souped(TOKENS.repeat(2, 1)).logits[1])
    assert set(model.peft_config) == {"default"} and torch.equal(model(TOKENS).logits, before)
    for row, weights in zip(rows, experts, strict=True):
        for name, weight in weights.items():
            model.get_parameter(name).copy_(weight)
        assert torch.allclose(model(TOKENS).logits[0], row, atol=1e-5)


def test_what_only_packages_can_mend_is_not_said() -> None:
    with warnings.catch_warnings(action="error"):
        model = with_adapter(llama(), LoRA(rank=2))
        Reader(model, PromptTokens.of([[5, 9, 4], [7]], 0)).read(torch.tensor([[3], [3]]))


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["attention_x"], "it has no layer attention_x. Its linear layers are down_proj, gate_proj, k_proj, lm_head"),
        (["q_proj", "qkv_proj"], "it has no layer qkv_proj. Its"),
        ([], "it gets no adapter. Its"),
    ],
)
def test_layers_that_the_model_does_not_have(targets: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"model\.lora does not fit this model: {message}"):
        with_adapter(llama(), LoRA(targets=targets))


@pytest.mark.parametrize(
    ("model", "count", "expected"),
    [
        (llama, 8, {"q_proj", "k_proj", "v_proj", "o_proj"}),
        (gpt2, 4, {"attn.c_attn", "attn.c_proj"}),  # and not mlp.c_proj
        (partial(family, "Phi-4"), 4, {"qkv_proj", "o_proj"}),
        (partial(family, "Gemma 3 with its eyes"), 8, {"q_proj", "k_proj", "v_proj", "o_proj"}),
    ],
)
def test_attention_is_found_whatever_a_model_calls_it(model: Any, count: int, expected: set[str]) -> None:
    made = with_adapter(model(), LoRA(rank=2))
    adapted = [name.removesuffix(".lora_A.default.weight") for name, _ in made.named_parameters() if "lora_A" in name]
    assert len(adapted) == count and not any("vision" in name for name in adapted)
    assert all(any(name.endswith(f".{end}") for end in expected) for name in adapted)


def test_a_model_without_attention_is_told_its_layers() -> None:
    with pytest.raises(ConfigError, match=r"it gets no adapter\. Its linear layers are 0, 2"):
        with_adapter(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2)), LoRA())


def test_souped_policies_take_the_weights_of_the_network_alone() -> None:
    model = with_adapter(llama(), LoRA(rank=2)).eval()
    weights = {f"model.{name}": weight for name, weight in expert(0, model).items()} | {"critic.weight": torch.ones(1)}
    soups = LoRASoups(model, [weights, weights], network="model.")
    policy = SoupedPolicy(soups, [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    assert policy.members == 3
    with torch.no_grad(), policy.souped() as souped:
        assert souped(TOKENS.repeat(3, 1)).logits.shape[:2] == (3, 3)
    with pytest.raises(TypeError, match="for evaluation"):
        policy(Rollout(torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool)))
