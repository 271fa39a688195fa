from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.rewards import Compressibility, Incompressibility
from tests.modalities.diffusion.rewards.drawn import drawn, plain, random


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_near_the_size_that_another_encoder_gives() -> None:
    encode_jpeg = pytest.importorskip("torchvision.io").encode_jpeg
    images = random(3, 128)
    for quality in (50, 95):
        got = -Compressibility(quality)(drawn(images))
        encoded = [encode_jpeg((255 * image).round().byte(), quality) for image in images]
        assert got.tolist() == pytest.approx([len(data) / 1000 for data in encoded], rel=0.05)


def test_plain_pictures_are_small_and_noise_is_large() -> None:
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    values = Compressibility()(drawn(torch.cat([plain((0.2, 0.5, 0.7)), random(1), noise])))
    assert (values.diff() < -0.1).all()
    assert -0.75 < values[0] < -0.5  # its tables alone


def test_a_lower_quality_is_smaller() -> None:
    rollout = drawn(random(4, 64))
    assert (Compressibility(30)(rollout) > Compressibility(90)(rollout)).all()


def test_the_opposite() -> None:
    rollout = drawn(random(4))
    assert torch.equal(Incompressibility(80)(rollout), -Compressibility(80)(rollout))


@pytest.mark.parametrize("quality", [0, 96])
def test_a_quality_jpeg_does_not_have(quality: int) -> None:
    with pytest.raises(ConfigError, match=f"quality is {quality}: JPEG takes 1 to 95"):
        Compressibility(quality)
