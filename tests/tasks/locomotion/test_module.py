from __future__ import annotations

import pytest
import torch

from rsoup_lightning.algorithms import PPO, REINFORCE, Algorithm, RewardWeightedRegression
from rsoup_lightning.errors import ConfigError, RewardError, UnknownNameError
from tasks.locomotion.module import LocomotionFineTuner
from tests.conftest import quiet_trainer

SMALL = {"hidden": (8,), "num_envs": 4, "horizon": 8, "rollouts_per_epoch": 2, "eval_episodes": 2}


def test_ppo_trains_and_tests() -> None:
    module = LocomotionFineTuner("Hopper-v5", **SMALL, preference={"risky": 1.0})
    trainer = quiet_trainer(max_epochs=2)
    trainer.fit(module)
    assert {"reward/risky", "reward/default", "value_loss", "entropy"} <= trainer.callback_metrics.keys()
    assert 0 < module.steps_taken.item() <= 2 * 2 * 4 * 8
    (result,) = trainer.test(module, verbose=False)
    assert set(result) == {"test/risky", "test/cautious", "test/default"}


@pytest.mark.parametrize("algorithm", [PPO(minibatch_size=16), REINFORCE(), RewardWeightedRegression()])
def test_every_algorithm_trains_a_categorical_policy(algorithm: Algorithm) -> None:
    module = LocomotionFineTuner("CartPole-v1", **SMALL, algorithm=algorithm)
    before = [parameter.clone() for parameter in module.policy.actor.parameters()]
    quiet_trainer(max_epochs=1).fit(module)
    after = list(module.policy.actor.parameters())
    assert all(new.isfinite().all() and not torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_reward_vector_becomes_named_rewards() -> None:
    module = LocomotionFineTuner("mo-hopper-v5", **SMALL)
    assert list(module.rewards) == ["forward", "height", "control"]
    quiet_trainer(max_epochs=1).fit(module)


def test_rewards_that_an_environment_does_not_have_are_left_out_by_default() -> None:
    module = LocomotionFineTuner("CartPole-v1", **SMALL)
    assert list(module.rewards) == ["default"]
    quiet_trainer(max_epochs=1).fit(module)
    with pytest.raises(
        RewardError, match="VelocityLessEffort needs 'x_velocity', which this environment does not report"
    ):
        quiet_trainer(max_epochs=1).fit(LocomotionFineTuner("CartPole-v1", **SMALL, rewards=["risky"]))


def test_no_rewards() -> None:
    for nothing in ({}, []):
        with pytest.raises(ConfigError, match="rewards is empty"):
            LocomotionFineTuner(**SMALL, rewards=nothing)


def test_unknown_rewards() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'risky'"):
        LocomotionFineTuner(**SMALL, rewards=["risk"])
    with pytest.raises(UnknownNameError, match="reward of mo-hopper-v5 'heights': did you mean 'height'"):
        LocomotionFineTuner("mo-hopper-v5", **SMALL, rewards=["heights"])
