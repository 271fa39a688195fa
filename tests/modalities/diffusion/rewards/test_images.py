"""Pictures that a reward cannot take stop the run, and the error says which and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.diffusion.rewards import Brightness, ImageReward
from rsoup_lightning.modalities.diffusion.rewards.images import PromptedReward
from tests.modalities.diffusion.rewards.drawn import drawn, random

IMAGES = random(3)


class Big(Brightness):
    least_side = 33


class OneNumber(ImageReward):
    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        return images.mean()


class Wide(PromptedReward):
    """The type of a matrix product, which autocast would change."""

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        product = images[:, 0] @ images[:, 1]
        return torch.full((len(images),), product.dtype.itemsize) * len(prompts[0])


def with_value(row: int, value: float) -> Tensor:
    images = IMAGES.clone()
    images[row, 1, 2, 3] = value
    return images


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_names_the_sample(value: float) -> None:
    with pytest.raises(RewardError, match=r"Brightness cannot rate row 2: its picture holds NaN or infinity\. Lower"):
        Brightness()(drawn(with_value(2, value)))


@pytest.mark.parametrize(("value", "said"), [(-0.5, "from -0.5 to"), (255.0, "from .* to 255")])
def test_another_range_names_the_sample_and_the_cure(value: float, said: str) -> None:
    with pytest.raises(RewardError, match=rf"that of row 1 goes {said}.*: map -1 ... 1 by \(x \+ 1\) / 2"):
        Brightness()(drawn(with_value(1, value)))


def test_both_ends_of_the_range_are_taken() -> None:
    assert Brightness()(drawn(torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)]))).tolist() == [0.0, 1.0]


def test_another_size() -> None:
    assert Big()(drawn(random(2, 33))).shape == (2,)
    with pytest.raises(RewardError, match="Big takes pictures of at least 33 x 33 pixels, and these have 32 x 32: let"):
        Big()(drawn(IMAGES))


@pytest.mark.parametrize("images", [IMAGES[:, :1], IMAGES[:, 0], IMAGES.double(), (255 * IMAGES).byte()])
def test_another_kind(images: Tensor) -> None:
    with pytest.raises(RewardError, match=r"takes pictures \[B, 3, H, W\] in float32, and these are \[3, "):
        Brightness()(drawn(images))


def test_no_pictures_or_prompts() -> None:
    rollout = drawn(IMAGES)
    with pytest.raises(RewardError, match="Brightness rates pictures, and these rollouts have none"):
        Brightness()(replace(rollout, context={}))
    with pytest.raises(RewardError, match=r"Brightness needs the prompt of each row.*texts\['prompt'\]"):
        Brightness()(replace(rollout, texts={}))


def test_a_wrong_count() -> None:
    with pytest.raises(RewardError, match=r"OneNumber gave \(\) ratings for 3 rows"):
        OneNumber()(drawn(IMAGES))


def test_mixed_precision_leaves_it_alone() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert Wide()(drawn(IMAGES)).tolist() == [20.0] * 3  # four bytes, five letters


def test_no_gradient() -> None:
    assert not Brightness()(drawn(IMAGES.clone().requires_grad_())).requires_grad


def test_only_those_that_read_prompts_show_them() -> None:
    assert Wide().inputs(drawn(IMAGES, ["a", "b", "c"])) == ["a", "b", "c"]
    assert Brightness().inputs(drawn(IMAGES)) is None
