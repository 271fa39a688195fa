"""Rewards of any environment: its own, an entry of its reward vector, or a number of its ``info``; per step."""

from __future__ import annotations

import torch
from torch import Tensor

from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.control.info import signal
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout


def reported(rollout: Rollout, name: str, reward: Reward, cure: str = "") -> Tensor:
    """The signal ``name`` of a rollout, ``[B, T, ...]``; ``cure`` ends the error's message.

    Raises:
        RewardError: the environment does not report it; the message names the reward and what there is.
    """
    if name not in rollout:
        known = ", ".join(sorted(rollout.signals)) or "nothing"
        lacking = f"{type(reward).__name__} needs {name!r}, which this environment does not report as numbers"
        raise RewardError(f"{lacking}: it has {known}{cure}")
    return rollout[name]


def entry(values: Tensor, index: int, name: str) -> Tensor:
    """``[B, T]`` entry ``index`` of ``values [B, T, R]``.

    Raises:
        RewardError: ``name`` has no such entry.
    """
    size = values.shape[-1]
    if values.dim() != 3 or not -size <= index < size:
        raise RewardError(f"{name!r} has shape {list(values.shape[2:])} per step: it has no entry {index}")
    return values[..., index]


class Native(Reward):
    """The environment's own scalar reward."""

    def __call__(self, rollout: Rollout) -> Tensor:
        return reported(rollout, "native_reward", self)


class VectorEntry(Reward):
    """One entry of a reward vector.

    Args:
        index: which entry.
    """

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, rollout: Rollout) -> Tensor:
        return entry(reported(rollout, "reward_vector", self), self.index, "reward_vector")


class Discounted(Reward):
    """Another reward with step t weighed by γᵗ: over a whole episode, as in evaluation, its discounted return.

    It is to be watched: leave it out of preference and experts. A training rollout is a piece of an episode, and begins
    at 0 all the same.

    Args:
        reward: given at every step.
        discount: γ.
    """

    def __init__(self, reward: Reward, discount: float = 0.99) -> None:
        self.reward, self.discount = reward, discount

    def __call__(self, rollout: Rollout) -> Tensor:
        values = self.reward(rollout)
        if values.dim() != 2:
            raise RewardError(
                f"Discounted needs a reward of every step, but {type(self.reward).__name__} gives one a row"
            )
        return values * self.discount ** torch.arange(values.shape[1], device=values.device)


class Info(Reward):
    """A number that the environment reports in ``info`` at its steps; 0 where it does not.

    Args:
        key: of the number; ``outer.inner`` in a nested dictionary.
        scale: factor on it; -1 turns a cost into a reward.
        index: which entry, where it is a vector.
        rare: it is reported at few steps, such as the last of an episode: a rollout without it is no error.
    """

    def __init__(self, key: str, scale: float = 1.0, index: int | None = None, rare: bool = False) -> None:
        self.key, self.scale, self.index, self.rare = key, scale, index, rare

    def __call__(self, rollout: Rollout) -> Tensor:
        if self.rare and signal(self.key) not in rollout:
            return torch.zeros_like(rollout.log_probs)
        cure = "; set rare where few steps report it, or backend to gymnasium where envpool leaves it out"
        values = reported(rollout, signal(self.key), self, cure=cure)
        return self.scale * (values if self.index is None else entry(values, self.index, self.key))
