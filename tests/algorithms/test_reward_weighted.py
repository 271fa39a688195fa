from __future__ import annotations

import pytest
import torch

from rsoup_lightning import algorithms
from rsoup_lightning.errors import ConfigError
from tests.conftest import PointFineTuner


@pytest.mark.parametrize(("keep", "kept"), [(1.0, 5), (0.6, 3), (0.5, 2), (0.01, 1)])
def test_the_best_rows_alone_are_learnt_from(point: PointFineTuner, keep: float, kept: int) -> None:
    rollout = point.environment.rollout(point.policy, 0).rows(torch.arange(5))
    reward = torch.tensor([[0.1], [0.5], [0.3], [0.4], [0.2]])
    algorithm = algorithms.RewardWeightedRegression(temperature=2.0, keep=keep)
    lesson = algorithm.advantages(rollout, reward, point.policy, None)
    best = reward.squeeze(1).topk(kept).indices.sort().values
    expected = torch.exp(reward[best, 0] / reward.std() / 2)
    torch.testing.assert_close(lesson["advantages"].squeeze(1), expected / expected.mean())
    torch.testing.assert_close(lesson.log_probs, rollout.log_probs[best])


def test_rows_are_compared_with_those_of_their_prompt(point: PointFineTuner) -> None:
    point.environment.begin(0)
    rollout = point.environment.rollout(point.policy, 0).rows(torch.arange(6))
    reward = torch.tensor([[0.1], [0.2], [0.3], [7.0], [5.0], [6.0]])
    algorithm = algorithms.RewardWeightedRegression(completions=3)
    weights = algorithm.advantages(rollout, reward, point.policy, None)["advantages"].squeeze(1)
    exceeds = torch.tensor([-0.1, 0.0, 0.1, 1.0, -1.0, 0.0])
    expected = (exceeds / exceeds.std()).exp()
    torch.testing.assert_close(weights, expected / expected.mean())
    with pytest.raises(ConfigError, match="completions is 0: it must be at least 1"):
        algorithms.RewardWeightedRegression(completions=0)


@pytest.mark.parametrize("completions", [1, 3, 7])
def test_rewards_that_are_all_the_same_weigh_the_same(point: PointFineTuner, completions: int) -> None:
    rollout = point.environment.rollout(point.policy, 0, completions=completions)
    algorithm = algorithms.RewardWeightedRegression(completions=completions)
    for constant in (0.1, 0.7, 1.1):
        lesson = algorithm.advantages(rollout, torch.full((len(rollout), 1), constant), point.policy, None)
        assert lesson["advantages"].squeeze(1).tolist() == [1.0] * len(rollout)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("inf")])
def test_the_temperature_is_above_0(temperature: float) -> None:
    with pytest.raises(ConfigError, match="temperature is"):
        algorithms.RewardWeightedRegression(temperature=temperature)


@pytest.mark.parametrize("keep", [0.0, 1.5])
def test_the_share_that_is_kept_is_one(keep: float) -> None:
    with pytest.raises(ConfigError, match="keep is"):
        algorithms.RewardWeightedRegression(keep=keep)
