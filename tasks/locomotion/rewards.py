"""Rewards of locomotion: r = v - α‖a‖² per step (Ramé et al. 2023, section 3.5), or the environment's own; and a guard.

v is the forward velocity in m/s, a the applied action (dimensionless, within the action box).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from rsoup_lightning.modalities.control.rewards import VectorEntry, entry, reported
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout, last_counted

VECTOR_NAMES = {
    "halfcheetah": ("forward", "control"),
    "hopper": ("forward", "height", "control"),
    "hopper-2obj": ("forward", "height"),
    "walker2d": ("forward", "control"),
    "ant": ("forward", "sideways", "control"),
    "ant-2obj": ("forward", "sideways"),
    "humanoid": ("forward", "control"),
    "swimmer": ("forward", "control"),
    "reacher": ("target_1", "target_2", "target_3", "target_4"),
    "deep-sea-treasure": ("treasure", "time"),
    "minecart": ("ore_1", "ore_2", "fuel"),
    "lunar-lander": ("result", "shaping", "main_engine", "side_engine"),
}
"""What the entries of MO-Gymnasium's reward vectors are, by the body's name; others are numbered."""

PITCH: Mapping[str, int | None] = {"halfcheetah": -16, "walker2d": -16, "hopper": -10, "ant": None, "humanoid": None}
"""Bodies that can fall: which entry of the observation, from its end, is the torso's pitch; None where none is."""

LYING = math.pi / 4  # rad from upright


class VelocityLessEffort(Reward):
    """r = v - α‖a‖²: speed at any effort (risky) where α is 0, for little effort (cautious) where it is 1.

    Args:
        effort: α, what effort costs.
    """

    def __init__(self, effort: float) -> None:
        self.effort = effort

    def __call__(self, rollout: Rollout) -> Tensor:
        return reported(rollout, "x_velocity", self) - self.effort * rollout["applied"].square().sum(-1)


class Upright(Reward):
    """1 for an episode whose body still stands at its end, else 0: a guard.

    It does not where the environment ended the episode before its time, or where its torso is then pitched by more than
    45°. A cheetah's episodes never end before their time, but it can lie on its nose for most of one, or run on its
    back; a gallop pitches it by up to 35°, and a stumble that it gets over is no fall.

    Args:
        pitch: which entry of the observation is the pitch in rad, 0 where it starts; null: only the end tells.
    """

    guard = True

    def __init__(self, pitch: int | None = None) -> None:
        self.pitch = pitch

    def __call__(self, rollout: Rollout) -> Tensor:
        fallen = rollout.terminated & rollout.mask
        if self.pitch is not None:
            level = entry(rollout["observations"], self.pitch, "observations").cos()
            fallen = fallen | ((level < math.cos(LYING)) & last_counted(rollout.mask))
        return 1 - fallen.any(1).float()


def guards(env_id: str) -> dict[str, Reward]:
    """:class:`Upright` where the body of an environment is known to fall.

    >>> list(guards("mo-hopper-2obj-v5")), list(guards("Swimmer-v5"))
    (['upright'], [])
    """
    body = _body(env_id).partition("-")[0]
    return {"upright": Upright(PITCH[body])} if body in PITCH else {}


def vector_rewards(env_id: str, size: int) -> dict[str, Reward]:
    """A named reward for each of the ``size`` entries of an environment's reward vector.

    >>> list(vector_rewards("mo-hopper-v5", 3))
    ['forward', 'height', 'control']
    """
    names = VECTOR_NAMES.get(_body(env_id), ())
    if len(names) != size:
        names = tuple(f"objective_{index}" for index in range(size))
    return {name: VectorEntry(index) for index, name in enumerate(names)}


def _body(env_id: str) -> str:
    return env_id.rpartition(":")[2].lower().removeprefix("mo-").rpartition("-")[0]
