"""The formulas for many copies against Gymnasium's own step of one, on the same state of MuJoCo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rsoup_lightning.modalities.control.bodies import BODIES, formulas_of
from rsoup_lightning.modalities.control.single import make_single

CASES: list[tuple[str, dict[str, Any]]] = [
    ("HalfCheetah-v5", {"ctrl_cost_weight": 0.3, "exclude_current_positions_from_observation": False}),
    ("Hopper-v5", {"healthy_state_range": (-3.0, 3.0), "healthy_reward": 2.0}),
    ("Hopper-v5", {"terminate_when_unhealthy": False}),
    ("Walker2d-v5", {"exclude_current_positions_from_observation": False}),
]


def test_every_body_is_tried() -> None:
    tried = {type(make_single(env_id, {}).unwrapped) for env_id, _ in CASES}
    assert tried == BODIES.keys()


@pytest.mark.parametrize(("env_id", "options"), CASES)
def test_a_step_is_gymnasium_s(env_id: str, options: dict[str, Any]) -> None:
    env: Any = make_single(env_id, options).unwrapped
    body, random = formulas_of(env, env_id), np.random.default_rng(0)
    env.reset(seed=1)
    fallen = []
    for _ in range(120):
        before = env.data.qpos[0]
        action = random.uniform(env.action_space.low, env.action_space.high).astype(np.float32)
        observation, reward, terminated, _, info = env.step(action)
        twice = [np.stack([values] * 2) for values in (env.data.qpos, env.data.qvel)]
        result = body.outcome(*twice, (twice[0][:, 0] - before) / env.dt, np.stack([action, action]))
        assert np.allclose(body.observations(*twice), observation, rtol=1e-6)
        assert result.rewards == pytest.approx([reward] * 2, rel=1e-5)
        assert result.terminated.tolist() == [terminated] * 2
        assert result.info.keys() == info.keys()
        for key, value in info.items():
            assert np.allclose(result.info[key], value, rtol=1e-5, atol=1e-9), key
        fallen.append(terminated)
    assert any(fallen) == (env_id != "HalfCheetah-v5" and options.get("terminate_when_unhealthy", True))
