from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.rewards import PixelVariance, Realism
from rsoup_lightning.rewards import objectives
from tests.modalities.diffusion.rewards.drawn import drawn, halves, plain, random


class Smooth(Realism):
    def pictures(self) -> Tensor:
        return random(400, seed=1)


def test_plain_colours_do_not_vary() -> None:
    assert PixelVariance()(drawn(plain((0, 0, 0), (1, 0, 0), (0.2, 0.7, 0.4)))).tolist() == pytest.approx([0] * 3)


def test_two_colours_in_closed_form() -> None:
    images = torch.cat([halves((0, 0, 0), (1, 1, 1)), halves((0.2, 0, 0), (0.8, 0, 0)), halves((0, 1, 0), (1, 0, 0))])
    expected = [0.5, (0.3**2 / 3) ** 0.5, (2 * 0.5**2 / 3) ** 0.5]
    assert PixelVariance()(drawn(images)).tolist() == pytest.approx(expected, abs=1e-6)


def test_real_pictures_are_minus_one_on_average() -> None:
    pytest.importorskip("sklearn")
    reward = Smooth()
    assert reward(drawn(random(400, seed=1))).mean().item() == pytest.approx(-1, abs=1e-5)
    assert reward(drawn(random(100, seed=2))).mean().item() == pytest.approx(-1, abs=0.4)


def test_what_is_wrong_with_a_picture_is_seen() -> None:
    pytest.importorskip("sklearn")
    images, dice = random(20, seed=2), torch.Generator().manual_seed(0)
    spoilt = {
        "noise": (images + 0.1 * torch.randn(images.shape, generator=dice)).clamp(0, 1),
        "plain": images.mean((2, 3), keepdim=True).expand_as(images),
        "grey": images.mean(1, keepdim=True).expand_as(images),
        "loud": (images > 0.5).float(),
    }
    reward = Smooth()
    worst = reward(drawn(images)).min()
    for name, pictures in spoilt.items():
        assert (reward(drawn(pictures.clone())) < worst).float().mean() >= 0.9, name


def test_they_only_watch() -> None:
    pytest.importorskip("sklearn")
    assert objectives({"spread": PixelVariance(), "real": Smooth()}) == []


def test_too_few_pictures() -> None:
    class Few(Realism):
        def pictures(self) -> Tensor:
            return random(99)

    with pytest.raises(ConfigError, match=r"\[99, 3, 32, 32\]: what is real is learnt from at least 100"):
        Few()
