from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.diffusion.rewards import ImageFunction
from rsoup_lightning.rewards import score
from tests.modalities.diffusion.rewards.drawn import drawn, plain

HERE = "tests.modalities.diffusion.rewards.test_function"
ROLLOUT = drawn(plain((1, 0, 0), (0.5, 0, 0)), ["red", "dark red"])


def red(images: Tensor, prompts: list[str]) -> list[float]:
    return [float(image[0].mean()) + len(prompt) for image, prompt in zip(images, prompts, strict=True)]


def as_array(images: Tensor, prompts: list[str]) -> Any:
    return np.array(red(images, prompts))


def as_tensor(images: Tensor, prompts: list[str]) -> Any:
    return torch.tensor(red(images, prompts), dtype=torch.float64, requires_grad=True)


def one_number(images: Tensor, prompts: list[str]) -> float:
    return 1.0


def not_a_number(images: Tensor, prompts: list[str]) -> list[float]:
    return [0.0, float("nan")]


def nothing(images: Tensor, prompts: list[str]) -> None:
    return None


@pytest.mark.parametrize("name", ["red", "as_array", "as_tensor"])
def test_one_number_each(name: str) -> None:
    got = ImageFunction(f"{HERE}:{name}")(ROLLOUT)
    assert got.tolist() == [4.0, 8.5]
    assert not got.requires_grad


def test_a_wrong_count_names_the_function() -> None:
    with pytest.raises(RewardError, match=rf"{HERE}:one_number gave \(\) ratings for 2 rows"):
        ImageFunction(f"{HERE}:one_number")(ROLLOUT)


def test_no_numbers_at_all() -> None:
    with pytest.raises(RewardError, match=f"{HERE}:nothing returned None, not one number for each picture"):
        ImageFunction(f"{HERE}:nothing")(ROLLOUT)


def test_nan_is_an_error() -> None:
    with pytest.raises(RewardError, match="reward 'mine' is nan at evaluation, completion 1"):
        score({"mine": ImageFunction(f"{HERE}:not_a_number")}, ROLLOUT, moment="evaluation")


def test_what_cannot_be_called() -> None:
    with pytest.raises(ConfigError, match="cannot import 'no_such_module:f'"):
        ImageFunction("no_such_module:f")
    with pytest.raises(ConfigError, match=f"'{HERE}:HERE' is not a function but '{HERE}'"):
        ImageFunction(f"{HERE}:HERE")
