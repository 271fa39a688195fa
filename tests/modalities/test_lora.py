"""Adapters to train, and soups of several in one model."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.reading import Reader
from rsoup_lightning.modalities.lora import LoRA, LoRASoups, SoupedPolicy, with_adapter
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.rollout import Rollout
from tests.modalities.language.tiny import llama

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


@pytest.mark.parametrize("targets", [["attention_x"], []])
def test_layers_that_the_model_does_not_have(targets: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"model\.lora does not fit this model"):
        with_adapter(llama(), LoRA(targets=targets))


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
