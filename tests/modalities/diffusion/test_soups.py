"""Many λ at once: each row as the denoiser with the averaged update alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from rsoup_lightning.modalities.diffusion import DiffusionPolicy, PromptEnvironment
from rsoup_lightning.modalities.lora import LoRA
from tests.modalities.diffusion.tiny import Colours, Random, policy

LORA = LoRA(rank=2, alpha=4)


def expert(seed: int) -> dict[str, Tensor]:
    return dict(policy(seed, lora=LORA).weights())


def averaged(experts: list[dict[str, Tensor]], point: list[float]) -> Any:
    """The pipeline with the λ-weighted mean of the experts' s B A added to its weights; s is alpha over rank, 2."""
    pipeline = Random().load()
    for key in [key for key in experts[0] if ".lora_A." in key]:
        name = key.removeprefix("denoiser.network.base_model.model.").replace("lora_A.default.weight", "weight")
        for weight, tensors in zip(point, experts, strict=True):
            update = tensors[key.replace("lora_A", "lora_B")] @ tensors[key]
            pipeline.unet.get_parameter(name).data += weight * 2 * update
    return pipeline


@pytest.mark.parametrize("coefficients", [[[1.0, 0.0]], [[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]]], ids=str)
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_souped_rows_are_those_of_the_averaged_update(coefficients: list[list[float]], guidance: float) -> None:
    environment, entries = PromptEnvironment(Colours()), torch.arange(4)
    experts, made = [expert(3), expert(4)], policy(lora=LORA, guidance=guidance)
    soups = made.soups(experts)
    assert soups is not None
    souped = soups(coefficients)
    assert souped.members == len(coefficients)
    played = environment.evaluate(souped, entries)
    assert played["id"].tolist() == entries.tolist() * len(coefficients)
    for member, point in enumerate(coefficients):
        alone = DiffusionPolicy(averaged(experts, point), steps=4, guidance=guidance)
        expected = environment.evaluate(alone, entries)["images"]
        assert torch.allclose(played["images"][4 * member : 4 * member + 4], expected, atol=1e-5)
    assert set(made.denoiser.network.peft_config) == {"default"}
    assert torch.equal(
        environment.evaluate(made, entries)["images"],
        environment.evaluate(policy(lora=LORA, guidance=guidance), entries)["images"],
    )


def test_souped_policies_are_not_re_scored() -> None:
    soups = policy(lora=LORA).soups([expert(3)])
    assert soups is not None
    souped = soups([[1.0]])
    with pytest.raises(TypeError, match="for evaluation"):
        souped(PromptEnvironment(Colours()).evaluate(souped, torch.arange(2)))
