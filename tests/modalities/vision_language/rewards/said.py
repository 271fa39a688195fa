"""Rollouts of answers that were written down."""

from __future__ import annotations

import torch

from rsoup_lightning.modalities.data import Box
from rsoup_lightning.rollout import Rollout

REFERENCES = ("a red square", "red")


def rollout(
    *answers: str,
    references: tuple[str, ...] = REFERENCES,
    styles: tuple[str, ...] = (),
    boxes: list[Box] | None = None,
) -> Rollout:
    count = len(answers)
    return Rollout(
        torch.zeros(count, 2),
        torch.ones(count, 2, dtype=torch.bool),
        context={} if boxes is None else {"box": torch.tensor(boxes)},
        texts={"answer": list(answers), "references": [references] * count, "styles": [styles] * count},
    )
