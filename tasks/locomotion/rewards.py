"""Rewards of locomotion, per simulator step: r = v - α‖a‖² (Ramé et al. 2023, section 3.5), or the environment's own.

v is the forward velocity in m/s, a the applied action (dimensionless, within the action box).
"""

from __future__ import annotations

from torch import Tensor

from rsoup_lightning.errors import RewardError
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
}
"""What the entries of MO-Gymnasium's reward vectors are, by the body's name; others are numbered."""


class VelocityLessEffort(Reward):
    """r = v - α‖a‖².

    Args:
        effort: α, what effort costs.
    """

    def __init__(self, effort: float) -> None:
        self.effort = effort

    def __call__(self, rollout: Rollout) -> Tensor:
        return _field(rollout, "x_velocity", self) - self.effort * rollout["applied"].square().sum(-1)


class Risky(VelocityLessEffort):
    """Speed at any effort: α = 0."""

    def __init__(self) -> None:
        super().__init__(0.0)


class Cautious(VelocityLessEffort):
    """Speed for little effort: α = 1."""

    def __init__(self) -> None:
        super().__init__(1.0)


class Native(Reward):
    """The environment's own scalar reward."""

    def __call__(self, rollout: Rollout) -> Tensor:
        return _field(rollout, "native_reward", self)


class VectorEntry(Reward):
    """One entry of a reward vector.

    Args:
        index: which entry.
    """

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, rollout: Rollout) -> Tensor:
        return _field(rollout, "reward_vector", self)[..., self.index]


def vector_rewards(env_id: str, size: int) -> dict[str, Reward]:
    """A named reward for each of the ``size`` entries of an MO-Gymnasium environment's reward vector.

    >>> list(vector_rewards("mo-hopper-v5", 3))
    ['forward', 'height', 'control']
    """
    body = env_id.removeprefix("mo-").rpartition("-")[0]
    names = VECTOR_NAMES.get(body, ())
    if len(names) != size:
        names = tuple(f"objective_{index}" for index in range(size))
    return {name: VectorEntry(index) for index, name in enumerate(names)}


def _field(rollout: Rollout, name: str, reward: Reward) -> Tensor:
    if name not in rollout:
        raise RewardError(f"{type(reward).__name__} needs {name!r}, which this environment does not report")
    return rollout[name]
