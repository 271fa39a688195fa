from __future__ import annotations

import torch

from rsoup_lightning.modalities.vision_language.boxes import box_text, with_room
from rsoup_lightning.rollout import Rollout
from tasks.grounding import TASK

THING = (0.375, 0.375, 0.625, 0.625)


def paid(name: str, *rooms: float) -> list[float]:
    """What a reward pays for boxes with so much room on each side, and for what is no box."""
    answers = [*(box_text(with_room(THING, *[room] * 4), 64) for room in rooms), "nothing"]
    reward = TASK.reward(name)
    reward.bins = 64  # type: ignore[attr-defined]
    rows = len(answers)
    rollout = Rollout(
        torch.zeros(rows, 1),
        torch.ones(rows, 1, dtype=torch.bool),
        context={"box": torch.tensor([THING] * rows)},
        texts={"answer": answers},
    )
    return reward(rollout).tolist()


def test_each_taste_is_paid_for_its_room_and_more_than_half_for_what_is_in_between() -> None:
    tight, roomy = (paid(name, 0.1, 0.3, 0.5) for name in ("tight", "roomy"))
    assert tight[0] > 0.98 < roomy[2]
    assert tight[1] > 0.7 < roomy[1]
    assert tight[2] < 0.5 > roomy[0]
    assert tight[3] == roomy[3] == 0


def test_either_has_found_the_thing() -> None:
    assert paid("found", 0.1, 0.3, 0.5, 1.0) == [1, 1, 1, 0, 0]
