from __future__ import annotations

import torch

from rsoup_lightning.rollout import Rollout
from tasks.vqa import TASK
from tasks.vqa.data import UNSURE


def test_the_careful_pays_for_wrong_answers_and_neither_for_none() -> None:
    said = ["blue", UNSURE, "green"]
    references = [("blue", UNSURE)] * 3
    rollout = Rollout(
        torch.zeros(3, 2),
        torch.ones(3, 2, dtype=torch.bool),
        texts={"answer": said, "references": references, "styles": [("answer", "pass")] * 3},
    )
    assert TASK.reward("bold")(rollout).tolist() == [1, 0, 0]
    assert TASK.reward("careful")(rollout).tolist() == [1, 0, -2]
