"""Predictions of experts mixed, or of one drawn per step, against chains that are followed by hand."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import CoefficientError
from rsoup_lightning.modalities.diffusion import DiffusionPolicy, PromptEnvironment
from rsoup_lightning.modalities.diffusion.environment import noise_of
from rsoup_lightning.modalities.lora import LoRA
from tests.modalities.diffusion.tiny import Colours, policy

ENTRIES = torch.arange(4)
POINTS = [(0.25, 0.75), (1.0, 0.0)]


def trio(lora: LoRA | None, **changes: object) -> tuple[DiffusionPolicy, list[DiffusionPolicy]]:
    """A policy, and two experts of it."""
    return policy(lora=lora, **changes), [policy(seed, lora=lora, **changes) for seed in (3, 4)]


def images(
    made: DiffusionPolicy, experts: list[DiffusionPolicy], points: list[tuple[float, ...]], drawn: bool
) -> Tensor:
    ensembles = made.ensembles([dict(expert.weights()) for expert in experts], drawn=drawn)
    return PromptEnvironment(Colours()).evaluate(ensembles(points), ENTRIES)["images"]


@pytest.mark.parametrize(("lora", "guidance"), [(None, 2.0), (LoRA(rank=2), 1.0)], ids=["whole", "lora"])
def test_predictions_are_mixed_at_every_step(lora: LoRA | None, guidance: float) -> None:
    made, experts = trio(lora, guidance=guidance)
    before = {name: tensor.clone() for name, tensor in made.weights().items()}
    played = images(made, experts, POINTS, False)
    schedule, prompts = made.denoiser.schedule, Colours().entries("eval")[:4]
    for member, point in enumerate(POINTS):
        noise = noise_of([torch.Generator().manual_seed(2**30 + row) for row in range(4)], made.denoiser.latent_shape)
        latents = noise()
        for number in range(4):
            steps = torch.full((4,), number)
            predicted = torch.zeros_like(latents)
            for share, expert in zip(point, experts, strict=True):
                names = expert.denoiser.prompts.numbers([entry.question for entry in prompts])
                with torch.no_grad(), expert.denoiser.playing():
                    predicted += share * expert.denoiser.towards(names)(latents, steps)
            latents = schedule.mean(latents, predicted, steps) + schedule.sigmas[number] * noise()
        expected = made.denoiser.decode(latents)
        assert torch.allclose(played[4 * member : 4 * member + 4], expected, atol=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.weights().items())


@pytest.mark.parametrize(("lora", "drawn"), [(None, True), (LoRA(rank=2), False)], ids=["whole", "lora"])
def test_one_hot_coefficients_are_that_expert_to_the_last_bit(lora: LoRA | None, drawn: bool) -> None:
    made, experts = trio(lora)
    for expert, point in zip(experts, [(1.0, 0.0), (0.0, 1.0)], strict=True):
        expected = PromptEnvironment(Colours()).evaluate(deepcopy(expert), ENTRIES)["images"]
        assert torch.equal(images(made, experts, [point], drawn), expected)


def test_one_expert_is_asked_per_step_and_row_as_often_as_its_coefficient_says() -> None:
    made, experts = trio(None, steps=20)
    asked: Counter[int] = Counter()
    weights = [dict(expert.weights()) for expert in experts]
    name, tensor = next(iter(weights[0].items()))

    def count(unet: torch.nn.Module, given: tuple[Tensor, ...]) -> None:
        playing = made.denoiser.get_parameter(name.removeprefix("denoiser."))
        asked[0 if torch.equal(playing, tensor) else 1] += len(given[0])

    made.denoiser.network.register_forward_pre_hook(count)
    ensembles = made.ensembles(weights, drawn=True)
    played = PromptEnvironment(Colours()).evaluate(ensembles([(0.3, 0.7)]), ENTRIES)["images"]
    rows = 2 * 4  # with and without the prompt
    assert asked.total() == 20 * rows, "each step costs one pass"
    assert asked[0] / asked.total() == pytest.approx(0.3, abs=1.5 / 20)
    alone = PromptEnvironment(Colours()).evaluate(ensembles([(1.0, 0.0), (0.3, 0.7)]), ENTRIES[:2])["images"]
    assert torch.allclose(alone[2:], played[:2], atol=1e-5), "an image depends on nothing beside it"


def test_nobody_is_drawn_with_a_negative_probability() -> None:
    made, experts = trio(None)
    with pytest.raises(CoefficientError, match="must not be negative"):
        images(made, experts, [(1.5, -0.5)], True)
