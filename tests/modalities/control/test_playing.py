"""What acting takes and gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rsoup_lightning import Soup
from rsoup_lightning.errors import SimulationError
from rsoup_lightning.modalities.control import SimulatorEnvironment
from rsoup_lightning.modalities.control.playing import Acting


def acting(env_id: str, **options: Any) -> Acting:
    environment = SimulatorEnvironment(env_id, num_envs=1, options=options)
    policy = environment.policy(hidden=(8,))
    return Soup(policy, {"only": dict(policy.weights())}, environment).at()


@pytest.mark.parametrize(
    ("env_id", "options"),
    [("HalfCheetah-v5", {"max_episode_steps": 5}), ("CartPole-v1", {}), ("CliffWalking-v1", {"max_episode_steps": 9})],
)
def test_an_episode_in_the_environment_that_the_experts_know(env_id: str, options: dict[str, Any]) -> None:
    player = acting(env_id, **options)
    env = player.simulator()
    seen, _ = env.reset(seed=0)
    over = False
    while not over:
        action = player.act(seen)
        assert env.action_space.contains(action)
        assert np.array_equal(player.act([seen, seen]), np.stack([action, action]))
        seen, _, terminated, truncated, _ = env.step(action)
        over = terminated or truncated


@pytest.mark.parametrize("seen", [np.zeros(3), np.zeros((2, 3)), np.zeros((1, 2, 17)), np.full(17, np.nan), 4.0])
def test_what_is_no_observation(seen: Any) -> None:
    with pytest.raises(SimulationError, match=r"must be finite and of shape \(17,\).*those of simulator\(\) are"):
        acting("HalfCheetah-v5").act(seen)
