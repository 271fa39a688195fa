from __future__ import annotations

from dataclasses import replace

import gymnasium
import mo_gymnasium  # noqa: F401  registers its environments
import pytest
import torch
from gymnasium.wrappers import DiscretizeAction

from rsoup_lightning.algorithms import PPO, REINFORCE, Algorithm, RewardWeightedRegression
from rsoup_lightning.errors import ConfigError, UnknownNameError
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
    assert set(result) == {"test/risky", "test/cautious", "test/default", "test/upright"}


@pytest.mark.parametrize("algorithm", [PPO(minibatch_size=16), REINFORCE(), RewardWeightedRegression()])
def test_every_algorithm_trains_a_categorical_policy(algorithm: Algorithm) -> None:
    module = LocomotionFineTuner("CartPole-v1", **SMALL, algorithm=algorithm)
    before = [parameter.clone() for parameter in module.policy.actor.parameters()]
    quiet_trainer(max_epochs=1).fit(module)
    after = list(module.policy.actor.parameters())
    assert all(new.isfinite().all() and not torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_choices_have_no_effort_to_pay_for() -> None:
    gymnasium.register(
        "ChosenSwimmer-v0", lambda **settings: DiscretizeAction(gymnasium.make("Swimmer-v5", **settings), bins=3)
    )
    assert list(LocomotionFineTuner("ChosenSwimmer-v0", **SMALL).rewards) == ["risky", "default"]
    with pytest.raises(UnknownNameError, match="cautious"):
        LocomotionFineTuner("ChosenSwimmer-v0", **SMALL, rewards=["cautious"])


def test_reward_vector_becomes_named_rewards() -> None:
    module = LocomotionFineTuner("mo-hopper-v5", **SMALL)
    assert list(module.rewards) == ["forward", "height", "control", "upright"]
    quiet_trainer(max_epochs=1).fit(module)


def test_rewards_that_an_environment_does_not_have_are_left_out_by_default() -> None:
    module = LocomotionFineTuner("CartPole-v1", **SMALL)
    assert list(module.rewards) == ["default"]
    quiet_trainer(max_epochs=1).fit(module)
    with pytest.raises(UnknownNameError, match="unknown reward of CartPole-v1 'risky'"):
        LocomotionFineTuner("CartPole-v1", **SMALL, rewards=["risky"])


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Walker2d-v5", "Hopper-v5", "mo-halfcheetah-v5"])
@pytest.mark.parametrize("options", [{}, {"exclude_current_positions_from_observation": False}])
def test_a_body_that_lies_at_the_end_is_not_upright(env_id: str, options: dict[str, bool]) -> None:
    module = LocomotionFineTuner(env_id, **SMALL, env_options=options)
    module.environment.begin(0)
    rollout = module.environment.rollout(module.policy, 0)
    single = gymnasium.make(env_id, **options)
    level = torch.from_numpy(single.reset(seed=0)[0]).float()
    position = single.unwrapped.data.qpos.copy()
    position[2] = 1.0  # rad: on its nose
    single.unwrapped.set_state(position, single.unwrapped.data.qvel)
    turned = torch.from_numpy(single.unwrapped._get_obs()).float()
    ended = replace(rollout, terminated=torch.zeros_like(rollout.terminated))
    ended["observations"][:, -1], ended["observations"][1, 3] = level, turned
    assert module.rewards["upright"](ended).tolist() == [1.0, 1.0, 1.0, 1.0]
    ended["observations"][1, -1] = turned
    assert module.rewards["upright"](ended).tolist() == [1.0, 0.0, 1.0, 1.0]


def test_a_body_that_ends_its_episode_has_fallen() -> None:
    module = LocomotionFineTuner("Hopper-v5", **SMALL, preference={"risky": 1.0})
    played = module.environment.evaluate(module.policy, next(iter(module.environment.eval_batches())))
    assert played.terminated.any(1).all()
    assert module.rewards["upright"](played).tolist() == [0.0, 0.0]
    assert "upright" not in LocomotionFineTuner("Swimmer-v5", **SMALL).rewards


def test_effort_is_what_the_cautious_one_pays() -> None:
    module = LocomotionFineTuner("HalfCheetah-v5", **SMALL, effort=2.0)
    module.environment.begin(0)
    rollout = module.environment.rollout(module.policy, 0)
    risky, cautious = (module.rewards[name](rollout) for name in ("risky", "cautious"))
    torch.testing.assert_close(risky - cautious, 2 * rollout["applied"].square().sum(-1))
    for env_id, rewards in (("mo-hopper-v5", None), ("HalfCheetah-v5", ["risky"]), ("Hopper-v5", dict(module.rewards))):
        with pytest.raises(ConfigError, match="no reward asks for it"):
            LocomotionFineTuner(env_id, **SMALL, effort=2.0, rewards=rewards)


def test_no_rewards() -> None:
    for nothing in ({}, []):
        with pytest.raises(ConfigError, match="rewards is empty"):
            LocomotionFineTuner(**SMALL, rewards=nothing)


def test_unknown_rewards() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'risky'"):
        LocomotionFineTuner(**SMALL, rewards=["risk"])
    with pytest.raises(UnknownNameError, match="reward of mo-hopper-v5 'heights': did you mean 'height'"):
        LocomotionFineTuner("mo-hopper-v5", **SMALL, rewards=["heights"])
