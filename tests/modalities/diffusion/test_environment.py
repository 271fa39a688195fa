"""Prompts drawn: what rollouts carry, noise that belongs to entries, and bad input."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.diffusion import PromptEnvironment
from rsoup_lightning.modalities.diffusion.environment import as_picture
from tests.conftest import PointPolicy
from tests.modalities.diffusion.tiny import Colours, policy


def environment(**changes: bool) -> PromptEnvironment:
    made = PromptEnvironment(Colours(**changes), batch_size=2)
    made.begin(0)
    return made


def test_a_rollout_of_chains() -> None:
    rollout = environment().rollout(policy(), 0, completions=3)
    assert rollout["images"].shape == (6, 3, 16, 16) and rollout["images"].dtype == torch.float32
    assert 0 <= rollout["images"].min() < rollout["images"].max() <= 1
    assert rollout["latents"].shape == rollout["next_latents"].shape == (6, 4, 4, 8, 8)
    assert torch.equal(rollout["latents"][:, 1:], rollout["next_latents"][:, :-1])
    assert rollout["step"][0].tolist() == [0, 1, 2, 3]
    assert rollout["id"].tolist() == [rollout["id"][0]] * 3 + [rollout["id"][3]] * 3
    assert rollout.texts["prompt"][0] == Colours().entries("train")[int(rollout["id"][0])].question
    assert len({image.sum().item() for image in rollout["images"]}) == 6


def test_a_rollout_of_finished_images() -> None:
    made = policy(likelihood="denoising")
    rollout = environment().rollout(made, 0)
    assert rollout["latents"].shape == (2, 1, 4, 8, 8) and rollout.mask.tolist() == [[True]] * 2
    assert torch.equal(made.denoiser.decode(rollout["latents"][:, 0]), rollout["images"])


def test_training_follows_the_seed() -> None:
    images, drawing = [], policy()
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        images.append(environment().rollout(drawing, 0)["images"])
    assert torch.equal(images[0], images[1]) and not torch.equal(images[0], images[2])


def test_evaluation_noise_belongs_to_the_entry() -> None:
    made, drawing = environment(), policy(1)
    every = made.evaluate(drawing, torch.arange(6))
    torch.manual_seed(7)
    assert torch.equal(made.evaluate(drawing, torch.arange(6))["images"], every["images"])
    some = made.evaluate(drawing, torch.tensor([4, 2]))
    assert torch.equal(some["latents"][:, 0], every["latents"][[4, 2], 0])
    assert torch.allclose(some["images"], every["images"][[4, 2]], atol=1e-5)
    assert some["id"].tolist() == [4, 2]


def test_shown_are_images() -> None:
    made = environment()
    rollout = made.evaluate(policy(1), torch.arange(6))
    first, second = made.shown(rollout, 2)
    assert (first.title, first.text) == ("a red square", "") and second.title == "a green square"
    shown = Image.open(io.BytesIO(second.picture)).convert("RGB")
    assert shown.tobytes() == as_picture(rollout["images"][1]).tobytes()


def test_pictures_have_the_colours_of_images() -> None:
    image = torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(3, 2, 5)
    assert as_picture(image).size == (5, 2)
    assert as_picture(image).getpixel((0, 0)) == (255, 128, 0)


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(ConfigError, match="train entry 3 of Colours has an empty prompt"):
        environment(empty=True)
    with pytest.raises(ConfigError, match="eval entry 6"):
        PromptEnvironment(Colours(empty=True)).eval_batches()


def test_images_that_are_nan_are_refused_by_name() -> None:
    made = policy(1)
    made.load_weights({name: weight * torch.nan for name, weight in made.weights().items()})
    with pytest.raises(RewardError, match=r"row 0 \(id 2, 'a blue square'\) holds NaN.*learning rate"):
        environment().evaluate(made, torch.tensor([2, 1]))


def test_there_is_no_greedy_image() -> None:
    with pytest.raises(ConfigError, match="choose an algorithm without greedy"):
        environment().rollout(policy(), 0, greedy=True)


def test_other_policies_are_refused() -> None:
    with pytest.raises(ConfigError, match="diffusion policy, not PointPolicy"):
        environment().rollout(PointPolicy(), 0)
