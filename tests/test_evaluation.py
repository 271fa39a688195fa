from __future__ import annotations

import torch

from rsoup_lightning.evaluation import evaluate
from tests.conftest import PointFineTuner


def test_scores_are_per_sample_and_complete(point: PointFineTuner) -> None:
    (scores,) = evaluate(point.environment, point.rewards, point.policy, point.environment.eval_batches())
    rollout = point.environment.evaluate(point.policy, torch.arange(12))
    torch.testing.assert_close(scores.rewards["north"], point.rewards["north"](rollout).detach())
    assert scores.steps == 12
    assert scores.samples == []
