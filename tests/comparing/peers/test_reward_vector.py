from __future__ import annotations

import time

import gymnasium
import numpy as np
import pytest

from rsoup_lightning.comparing.peers.reward_vector import (
    BudgetSpentError,
    Meter,
    RewardVectorEnv,
    check_simulator,
    registered,
)
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.evaluation import evaluate
from rsoup_lightning.modalities.control import SimulatorEnvironment
from tasks.locomotion.module import LocomotionFineTuner
from tests.conftest import Plane


@pytest.fixture
def cheetah() -> LocomotionFineTuner:
    options = {"max_episode_steps": 20}  # envpool would begin elsewhere under the same seed
    return LocomotionFineTuner(
        "HalfCheetah-v5", ["risky", "cautious"], num_envs=2, eval_episodes=1, env_options=options, backend="gymnasium"
    )


def nothing() -> None:
    """Counts no step."""


def test_an_episode_is_worth_what_it_is_in_our_evaluation(cheetah: LocomotionFineTuner) -> None:
    simulator = check_simulator(cheetah.environment)
    (batch,) = cheetah.environment.eval_batches()
    (scores,) = evaluate(simulator, cheetah.rewards, cheetah.policy, [batch])
    env, play = RewardVectorEnv(simulator, cheetah.rewards, int(batch[0]), nothing), cheetah.policy.player()
    observation, _ = env.reset()
    total, ended, steps = np.zeros(2), False, 0
    while not ended:
        observation, reward, terminated, truncated, _ = env.step(play(observation[None])[0] * 1.0)
        total, ended, steps = total + reward, terminated or truncated, steps + 1
    env.close()
    assert steps == 20 and reward.shape == env.reward_space.shape
    assert total.tolist() == pytest.approx([scores.rewards[name].item() for name in cheetah.rewards], rel=1e-4)


def test_steps_end_at_their_number(cheetah: LocomotionFineTuner) -> None:
    meter = Meter(limit=3)
    env = RewardVectorEnv(check_simulator(cheetah.environment), cheetah.rewards, 0, meter.tick)
    env.reset()
    for _ in range(3):
        env.step(env.action_space.sample())
    with pytest.raises(BudgetSpentError):
        env.step(env.action_space.sample())
    assert meter.steps == 3


def test_steps_end_with_their_time() -> None:
    meter = Meter(seconds=0.5)
    meter.tick()
    meter.check()
    time.sleep(0.6)
    for call in (meter.tick, meter.check):
        with pytest.raises(BudgetSpentError):
            call()
    assert meter.steps == 1


def test_episodes_begin_by_the_seed_and_then_anywhere(cheetah: LocomotionFineTuner) -> None:
    simulator = check_simulator(cheetah.environment)
    one, other = (RewardVectorEnv(simulator, cheetah.rewards, 5, nothing) for _ in range(2))
    starts = [[env.reset()[0].tolist() for _ in range(2)] for env in (one, other)]
    assert starts[0] == starts[1] and starts[0][0] != starts[0][1]
    assert one.reset(seed=5)[0].tolist() == starts[0][0]
    assert one.action_space.sample().tolist() == other.action_space.sample().tolist()


def test_gymnasium_knows_it_for_a_while(cheetah: LocomotionFineTuner) -> None:
    made = RewardVectorEnv(check_simulator(cheetah.environment), cheetah.rewards, 0, nothing)
    with registered(lambda **_: made) as env_id:
        assert gymnasium.make(env_id).unwrapped is made
    assert env_id not in gymnasium.registry


def test_what_is_no_simulator_of_numbers_is_refused() -> None:
    with pytest.raises(ConfigError, match="train in simulators, not in Plane"):
        check_simulator(Plane())
    with pytest.raises(ConfigError, match="CartPole-v1 has none"):
        check_simulator(SimulatorEnvironment("CartPole-v1", num_envs=1))
