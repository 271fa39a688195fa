"""Soups that draw: each row as its policy alone, in evaluation, draws it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from rsoup_lightning import Soup
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging import linear
from rsoup_lightning.modalities.data_environment import EVALUATION_SEED
from rsoup_lightning.modalities.diffusion import DiffusionPolicy, PromptEnvironment
from rsoup_lightning.modalities.diffusion.environment import as_picture
from rsoup_lightning.modalities.lora import LoRA
from tests.modalities.diffusion.tiny import Colours, policy

PROMPTS = [entry.question for entry in Colours().entries("eval")]
SEEDS = [EVALUATION_SEED + number for number in range(len(PROMPTS))]
POINTS = [{"first": 1.0}, {"first": 0.4, "second": 0.6}, {"second": 1.0}]


def lora(seed: int) -> DiffusionPolicy:
    return policy(seed, lora=LoRA(rank=2, alpha=4))


def soup(make: Any) -> Soup:
    experts = {name: dict(make(seed).weights()) for seed, name in ((3, "first"), (4, "second"))}
    return Soup(make(0), experts, PromptEnvironment(Colours()))


def evaluated(made: DiffusionPolicy) -> list[Image]:
    images = PromptEnvironment(Colours()).evaluate(made, torch.arange(len(PROMPTS)))["images"]
    return [as_picture(image) for image in images]


def numbers(pictures: list[Image]) -> NDArray[np.int64]:
    return np.stack([np.asarray(picture, int) for picture in pictures])


@pytest.mark.parametrize("make", [lora, policy])
def test_an_expert_draws_as_it_is_evaluated(make: Any) -> None:
    made = soup(make)
    for seed, name in ((3, "first"), (4, "second")):
        drawn = made.at({name: 1.0}).draw(PROMPTS, seed=SEEDS)
        assert np.abs(numbers(drawn) - numbers(evaluated(make(seed)))).max() <= 1  # of 255, by rounding
    if make is policy:
        mean = make(0)
        mean.load_weights(linear([make(3).weights(), make(4).weights()], [0.4, 0.6]))
        assert np.array_equal(numbers(made.at(POINTS[1]).draw(PROMPTS, seed=SEEDS)), numbers(evaluated(mean)))


@pytest.mark.parametrize("make", [lora, policy])
def test_a_row_does_not_depend_on_what_is_beside_it(make: Any) -> None:
    made, points = soup(make), [POINTS[row % 3] for row in (0, 1, 2, 1, 0, 0)]
    together = numbers(made.at(points).draw(PROMPTS, seed=7))
    alone = numbers([made.at(p).draw([prompt], seed=7)[0] for p, prompt in zip(points, PROMPTS, strict=True)])
    assert np.abs(together - alone).max() <= 1  # convolutions round by their batch
    first, mean, second = numbers(made.at(POINTS).draw(["a red square"] * 3, seed=7))
    assert min(np.abs(first - mean).max(), np.abs(mean - second).max()) > 1
    again, other = numbers(made.at(first=1).draw(["a red square"] * 2, seed=[7, 8]))
    assert np.abs(again - first).max() <= 1 < np.abs(other - first).max()


@pytest.mark.parametrize("make", [lora, policy])
def test_pictures_come_step_by_step_whoever_draws_in_between(make: Any) -> None:
    made = soup(make)
    wanted = [numbers(made.at(point).draw([PROMPTS[0]], seed=7)) for point in POINTS]
    streams = [made.at(point).stream([PROMPTS[0]], seed=7) for point in POINTS]
    drawn = [[numbers(pictures) for pictures in steps] for steps in zip(*streams, strict=True)]
    assert len(drawn) == 4
    assert all(np.array_equal(last, whole) for last, whole in zip(drawn[-1], wanted, strict=True))
    (at_once,) = made.at(POINTS[1]).stream([PROMPTS[0]], seed=7, every=600)
    assert np.array_equal(numbers(at_once), wanted[1])
    errors = [np.abs(step[1] - wanted[1]).mean() for step in drawn]
    assert errors[0] > errors[2] > errors[3] == 0  # each step sees more of it
    if make is lora:  # all in one batch
        together = list(made.at(POINTS).stream([PROMPTS[0]] * 3, seed=7))
        far = [np.abs(numbers(row) - np.concatenate(step)).max() for row, step in zip(together, drawn, strict=True)]
        assert max(far) <= 1


def test_a_prompt_that_is_no_list() -> None:
    with pytest.raises(ConfigError, match="prompts must be a list of texts, not 'a red square'"):
        soup(lora).at(first=1).draw("a red square")


def test_what_is_asked_is_not_kept() -> None:
    """A server is asked ever new prompts, and its memory has an end."""
    made = soup(lora)
    prompts = made.mixed([(1.0, 0.0)]).pipeline.prompts  # type: ignore[attr-defined]
    for number in range(3):
        made.at(first=1).draw([f"prompt {number}"])
        next(made.at(first=1).stream([f"prompt {number}"]))
    assert not prompts._told
