"""Every algorithm must climb: on the plane, to the goal that the preference asks for."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from rsoup_lightning import algorithms
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout
from tests.conftest import PointFineTuner, quiet_trainer


class Constant(Reward):
    """The same for everything."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, rollout: Rollout) -> torch.Tensor:
        return torch.full((len(rollout),), self.value)


@pytest.mark.parametrize(
    "algorithm",
    [
        algorithms.REINFORCE(),
        algorithms.RLOO(completions=4),
        algorithms.RLOO(completions=2, epochs=2, minibatch_size=8),
        algorithms.GRPO(completions=4, epochs=2),
        algorithms.SCST(completions=2),
        algorithms.RewardWeightedRegression(temperature=0.5),
        algorithms.RewardWeightedRegression(keep=0.5),
    ],
    ids=lambda a: type(a).__name__,
)
def test_reaches_the_preferred_point(algorithm: algorithms.Algorithm) -> None:
    module = PointFineTuner(
        algorithm=algorithm, preference={"east": 0.75, "north": 0.25}, optimizer=partial(torch.optim.Adam, lr=0.05)
    )
    quiet_trainer(max_epochs=12).fit(module)
    torch.testing.assert_close(module.policy.place.detach(), torch.tensor([0.75, 0.25]), atol=0.12, rtol=0)


def test_ppo_without_a_critic_is_refused(point: PointFineTuner) -> None:
    point.algorithm = algorithms.PPO()
    with pytest.raises(ConfigError, match="has no critic"):
        quiet_trainer(max_epochs=1).fit(point)


def test_rloo_gradient_is_unbiased_for_the_closed_form() -> None:
    """For r = -|a - g|² and a ~ N(θ, σ²), ∇θ E[r] = -2 (θ - g); the estimate's mean over many batches is that."""
    module = PointFineTuner()
    goal = torch.tensor([1.0, 0.0])
    total = torch.zeros(2)
    torch.manual_seed(0)
    for _ in range(400):
        rollout = module.environment.rollout(module.policy, 0, completions=8)
        reward = module.rewards["east"](rollout).unsqueeze(1)
        rollout = algorithms.RLOO(8).advantages(rollout, reward, module.policy, None)
        loss, _ = module.algorithm.loss(module.policy(rollout), rollout)
        module.policy.zero_grad()
        loss.backward()
        total += module.policy.place.grad
    torch.testing.assert_close(total / 400, 2 * (module.policy.place.detach() - goal), atol=0.05, rtol=0)


@pytest.mark.parametrize("kind", [algorithms.RLOO, algorithms.GRPO])
def test_one_completion_has_no_others(kind: type[algorithms.Algorithm]) -> None:
    with pytest.raises(ConfigError, match="at least 2"):
        kind(completions=1)  # type: ignore[call-arg]


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
    with pytest.raises(ConfigError, match="completions is 0: there is at least 1"):
        algorithms.RewardWeightedRegression(completions=0)


@pytest.mark.parametrize(
    "algorithm",
    [
        algorithms.REINFORCE(),
        algorithms.RLOO(completions=7),
        algorithms.GRPO(completions=3),
        algorithms.GRPO(completions=7, epochs=2),
        algorithms.SCST(completions=3),
    ],
    ids=lambda a: f"{type(a).__name__}-{a.completions}",
)
@pytest.mark.parametrize("constant", [0.7, 0.1, -1.1])
def test_rewards_that_are_all_the_same_move_no_weight(algorithm: algorithms.Algorithm, constant: float) -> None:
    module = PointFineTuner(algorithm=algorithm, optimizer=partial(torch.optim.Adam, lr=0.05))
    module.rewards = {name: Constant(constant) for name in module.rewards}
    quiet_trainer(max_epochs=1, limit_train_batches=3).fit(module)
    assert module.policy.place.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("completions", [1, 3, 7])
def test_rewards_that_are_all_the_same_weigh_the_same(point: PointFineTuner, completions: int) -> None:
    rollout = point.environment.rollout(point.policy, 0, completions=completions)
    algorithm = algorithms.RewardWeightedRegression(completions=completions)
    for constant in (0.1, 0.7, 1.1):
        lesson = algorithm.advantages(rollout, torch.full((len(rollout), 1), constant), point.policy, None)
        assert lesson["advantages"].squeeze(1).tolist() == [1.0] * len(rollout)


@pytest.mark.parametrize("keep", [0.0, 1.5])
def test_the_share_that_is_kept_is_one(keep: float) -> None:
    with pytest.raises(ConfigError, match="keep is"):
        algorithms.RewardWeightedRegression(keep=keep)
