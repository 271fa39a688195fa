"""Rewards of locomotion, per simulator step: r = v - α‖a‖² (Ramé et al. 2023, section 3.5), or the environment's own.

v is the forward velocity in m/s, a the applied action (dimensionless, within the action box).
"""

from __future__ import annotations

from torch import Tensor

from rsoup_lightning.modalities.control.rewards import VectorEntry, reported
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout

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
"""What the entries of MO-Gymnasium's reward vectors are, by the environment's name; others are numbered."""


class VelocityLessEffort(Reward):
    """r = v - α‖a‖²: speed at any effort (risky) where α is 0, for little effort (cautious) where it is 1.

    Args:
        effort: α, what effort costs.
    """

    def __init__(self, effort: float) -> None:
        self.effort = effort

    def __call__(self, rollout: Rollout) -> Tensor:
        return reported(rollout, "x_velocity", self) - self.effort * rollout["applied"].square().sum(-1)


def vector_rewards(env_id: str, size: int) -> dict[str, Reward]:
    """A named reward for each of the ``size`` entries of an environment's reward vector.

    >>> list(vector_rewards("mo-hopper-v5", 3))
    ['forward', 'height', 'control']
    """
    body = env_id.rpartition(":")[2].removeprefix("mo-").rpartition("-")[0]
    names = VECTOR_NAMES.get(body, ())
    if len(names) != size:
        names = tuple(f"objective_{index}" for index in range(size))
    return {name: VectorEntry(index) for index, name in enumerate(names)}
