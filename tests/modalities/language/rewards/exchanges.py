"""Rollouts of given texts."""

from __future__ import annotations

import torch

from rsoup_lightning.rollout import Rollout


def answered(answers: list[str], questions: list[str] | None = None, references: list[str] | None = None) -> Rollout:
    """One row per answer; questions are "why?" and references empty unless given."""
    rows = len(answers)
    return Rollout(
        log_probs=torch.zeros(rows, 2),
        mask=torch.ones(rows, 2, dtype=torch.bool),
        texts={
            "question": questions or ["why?"] * rows,
            "answer": answers,
            "reference": references or [""] * rows,
        },
    )
