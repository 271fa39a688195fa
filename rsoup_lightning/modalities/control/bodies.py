"""What Gymnasium's MuJoCo bodies observe, earn and report, of many copies at once.

Gymnasium computes it of one copy. These are its formulas (version 5 of its environments), with the weights and limits
of an environment as it was made.

Notation: N copies, Q positions and V velocities of a body, O numbers of an observation, A of an action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.envs.mujoco.half_cheetah_v5 import HalfCheetahEnv
from gymnasium.envs.mujoco.hopper_v5 import HopperEnv
from gymnasium.envs.mujoco.walker2d_v5 import Walker2dEnv
from numpy.typing import NDArray

from rsoup_lightning.errors import SimulationError

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Outcome:
    """What a step gives.

    Attributes:
        rewards: ``[N]``.
        terminated: ``[N]`` bool.
        info: ``{key: [N, ...]}``.
    """

    rewards: Numbers
    terminated: Numbers
    info: dict[str, Numbers]


class Runner:
    """A body in the plane that never falls: HalfCheetah. Its place is the first of its positions.

    Args:
        env: Gymnasium's own, without wrappers.
    """

    def __init__(self, env: Any) -> None:
        self._env = env
        self._hides_place = bool(env._exclude_current_positions_from_observation)

    def observations(self, positions: Numbers, velocities: Numbers) -> Numbers:
        """``[N, O]`` at ``positions [N, Q]`` and ``velocities [N, V]``, MuJoCo's qpos and qvel."""
        return np.concatenate([positions[:, int(self._hides_place) :], velocities], 1)

    def outcome(self, positions: Numbers, velocities: Numbers, forwards: Numbers, actions: Numbers) -> Outcome:
        """Of a step.

        Args:
            positions: ``[N, Q]`` after it.
            velocities: ``[N, V]`` after it.
            forwards: ``[N]`` the velocity of the place, over the step.
            actions: ``[N, A]``.
        """
        forward = self._env._forward_reward_weight * forwards
        cost = self._env._ctrl_cost_weight * np.square(actions).sum(1)
        info = {"x_position": positions[:, 0].copy(), "x_velocity": forwards}
        info |= {"reward_forward": forward, "reward_ctrl": -cost}
        return Outcome(forward - cost, np.zeros(len(actions), dtype=bool), info)


class Walker(Runner):
    """A body in the plane that falls: Walker2d, and Hopper."""

    def observations(self, positions: Numbers, velocities: Numbers) -> Numbers:
        return super().observations(positions, velocities.clip(-10, 10))

    def outcome(self, positions: Numbers, velocities: Numbers, forwards: Numbers, actions: Numbers) -> Outcome:
        run = super().outcome(positions, velocities, forwards, actions)
        healthy = self._healthy(positions, velocities)
        alive = healthy * self._env._healthy_reward
        height = positions[:, 1] - self._env.init_qpos[1]
        info = {**run.info, "z_distance_from_origin": height, "reward_survive": alive}
        return Outcome(run.rewards + alive, ~healthy & self._env._terminate_when_unhealthy, info)

    def _healthy(self, positions: Numbers, velocities: Numbers) -> Numbers:
        _, height, angle, *_ = positions.T
        return _within(height, self._env._healthy_z_range) & _within(angle, self._env._healthy_angle_range)


class Jumper(Walker):
    """Hopper, whose whole state has limits."""

    def _healthy(self, positions: Numbers, velocities: Numbers) -> Numbers:
        state = np.concatenate([positions, velocities], 1)[:, 2:]
        return super()._healthy(positions, velocities) & _within(state, self._env._healthy_state_range).all(1)


BODIES: dict[type, type[Runner]] = {
    HalfCheetahEnv: Runner,
    HopperEnv: Jumper,
    Walker2dEnv: Walker,
}


def formulas_of(env: Any, env_id: str) -> Runner:
    """The formulas of ``env``, which was made as ``env_id``.

    Raises:
        SimulationError: they are not known.
    """
    made = BODIES.get(type(env))
    if made is None:
        known = ", ".join(kind.__name__.removesuffix("Env") for kind in BODIES)
        raise SimulationError(
            f"backend 'warp' does not play {env_id!r}: it plays version 5 of {known}; set backend to auto"
        )
    return made(env)


def _within(values: Numbers, limits: tuple[float, float]) -> Numbers:
    return (limits[0] < values) & (values < limits[1])
