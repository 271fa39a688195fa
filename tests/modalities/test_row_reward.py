"""The one guarantee of rewards of texts and pictures: the same rows have the same reward, and no gradient."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from rsoup_lightning.captions import Caption, References
from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.diffusion.rewards import ImageReward
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from rsoup_lightning.modalities.row_reward import RowReward
from rsoup_lightning.modalities.vision_language.rewards import CaptionReward
from rsoup_lightning.rollout import Rollout

LAYER = nn.Linear(64, 1)
INPUT = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
ROLLOUT = Rollout(
    torch.zeros(2, 3),
    torch.ones(2, 3, dtype=torch.bool),
    context={"images": torch.zeros(2, 3, 4, 4)},
    texts={
        "question": ["q"] * 2,
        "prompt": ["q"] * 2,
        "answer": ["a"] * 2,
        "reference": ["a"] * 2,
        "references": [("a",)] * 2,
    },
)


def thought() -> Tensor:
    """Of a network: with a gradient, and of fewer digits under autocast."""
    return LAYER(INPUT).squeeze(1)


class Text(TextReward):
    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        return thought().expand(len(exchanges))


class Picture(ImageReward):
    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        return thought().expand(len(images))


class Captioned(CaptionReward):
    def rate(self, answer: Caption, references: References) -> float:
        assert not torch.is_grad_enabled()
        return thought().item()


@pytest.mark.parametrize("reward", [Text(), Picture(), Captioned()], ids=lambda reward: type(reward).__name__)
def test_rewards_know_neither_gradient_nor_mixed_precision(reward: RowReward) -> None:
    plain = reward(ROLLOUT)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert thought().dtype == torch.bfloat16
        mixed = reward(ROLLOUT)
    assert torch.equal(mixed, plain) and plain.dtype == torch.float32 and not plain.requires_grad
    assert plain.tolist() == [pytest.approx(thought().item())] * 2


@pytest.mark.parametrize("shape", [(), (1,), (2, 1)])
def test_ratings_are_counted(shape: tuple[int, ...]) -> None:
    class Odd(RowReward):
        def ratings(self, rollout: Rollout) -> Tensor:
            return torch.zeros(shape)

    with pytest.raises(RewardError, match=rf"Odd gave \({', '.join(map(str, shape))},?\) ratings for 2 rows"):
        Odd()(ROLLOUT)
