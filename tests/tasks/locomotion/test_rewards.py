from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.control.rewards import Native, VectorEntry
from rsoup_lightning.rollout import Rollout
from tasks.locomotion import TASK
from tasks.locomotion.rewards import VelocityLessEffort, vector_rewards

SIGNALS = {
    "x_velocity": torch.tensor([[2.0, 3.0]]),
    "applied": torch.tensor([[[1.0, -0.5], [0.0, 0.0]]]),
    "native_reward": torch.tensor([[7.0, 8.0]]),
    "reward_vector": torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]),
}
ROLLOUT = Rollout(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), signals=SIGNALS)


def test_velocity_less_effort() -> None:
    assert TASK.reward("risky")(ROLLOUT).tolist() == [[2.0, 3.0]]
    assert TASK.reward("cautious")(ROLLOUT).tolist() == [[0.75, 3.0]]
    assert VelocityLessEffort(0.1)(ROLLOUT).tolist() == [[pytest.approx(1.875), 3.0]]


def test_the_environments_own() -> None:
    assert Native()(ROLLOUT).tolist() == [[7.0, 8.0]]
    assert VectorEntry(1)(ROLLOUT).tolist() == [[2.0, 4.0]]


def test_what_is_not_reported_is_named() -> None:
    with pytest.raises(RewardError, match="VelocityLessEffort needs 'x_velocity'"):
        VelocityLessEffort(0.0)(Rollout(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool)))


def test_names_of_vectors() -> None:
    assert list(vector_rewards("mo-walker2d-v5", 2)) == ["forward", "control"]
    assert list(vector_rewards("mo-unheard-of-v0", 3)) == ["objective_0", "objective_1", "objective_2"]
