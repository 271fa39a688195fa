from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.diffusion.rewards import PixelVariance, Realism, Recognition
from rsoup_lightning.rewards import objectives
from tests.modalities.diffusion.rewards.drawn import drawn, halves, plain, random


class Smooth(Realism):
    def pictures(self) -> Tensor:
        return random(400, seed=1)


class Numbered(Recognition):
    """Twenty prompts of two pictures each."""

    def named_pictures(self) -> dict[str, Tensor]:
        return {str(number): pair for number, pair in enumerate(random(40, seed=3).split(2))}


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


def test_pictures_are_recognised() -> None:
    reward, pictures = Numbered(among=10), Numbered(among=10).named_pictures()
    prompts = [str(number) for number in range(20)]
    images = torch.stack([pictures[prompt][number % 2] for number, prompt in enumerate(prompts)])
    dice = torch.Generator().manual_seed(0)
    noisy = (images + 0.2 * torch.randn(images.shape, generator=dice)).clamp(0, 1)
    assert reward(drawn(noisy, prompts)).tolist() == [1] * 20  # also those that are none of the first ten
    assert reward(drawn(images.roll(1, 0), prompts))[1:10].tolist() == [0] * 9
    assert objectives({"found": reward}) == []


def test_chance_is_one_in_as_many_as_it_is_matched_against() -> None:
    images, prompts = random(2000, seed=4), [str(number % 20) for number in range(2000)]
    for among in (4, 20):
        assert Numbered(among)(drawn(images, prompts)).mean().item() == pytest.approx(1 / among, rel=0.25)


def test_what_cannot_be_recognised() -> None:
    with pytest.raises(RewardError, match="no real picture of 'a cat': use prompts that it has"):
        Numbered(10)(drawn(random(1)))
    with pytest.raises(ConfigError, match="among is 21: there are 20 prompts with pictures, so give 2 to as many"):
        Numbered(21)
