from __future__ import annotations

import pytest
import torch

from rsoup_lightning.modalities.data import Box
from rsoup_lightning.modalities.vision_language.boxes import box_text, size_of
from rsoup_lightning.modalities.vision_language.rewards import BoxHit
from rsoup_lightning.rollout import Rollout
from tasks.grounding import TASK

BOXES: dict[str, Box] = {
    "small": (0.0, 0.0, 0.2, 0.2),
    "medium": (0.25, 0.25, 0.6, 0.6),
    "large": (0.0, 0.0, 0.9, 0.9),
}


def scores(name: str, answers: list[str]) -> list[float]:
    reward = TASK.reward(name)
    assert isinstance(reward, BoxHit)
    rollout = Rollout(
        torch.zeros(3, 1),
        torch.ones(3, 1, dtype=torch.bool),
        context={"box": torch.tensor(list(BOXES.values()))},
        texts={"answer": answers},
    )
    return reward(rollout).tolist()


@pytest.mark.parametrize("name", BOXES)
def test_each_pays_for_its_size_alone(name: str) -> None:
    assert size_of(BOXES[name]) == name
    right = [box_text(box) for box in BOXES.values()]
    assert scores(name, right) == [float(size == name) for size in BOXES]
    assert scores(name, right[1:] + right[:1]) == [0, 0, 0]


def test_any_is_the_sum_of_the_three() -> None:
    answers = [box_text(BOXES["small"]), "nothing", box_text(BOXES["large"])]
    sums = [sum(row) for row in zip(*(scores(name, answers) for name in BOXES), strict=True)]
    assert scores("any", answers) == sums == [1, 0, 1]
