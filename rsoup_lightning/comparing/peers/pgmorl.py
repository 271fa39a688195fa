"""PGMORL of morl-baselines, which evaluates as it trains.

Notation: O observation size, R rewards.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsoup_lightning.comparing.peers.morl_baselines import MORLBaselines, player
from rsoup_lightning.comparing.peers.reward_vector import RewardVectorEnv, discounted
from rsoup_lightning.modalities.control.player import OBSERVATION_LIMIT, Player


@dataclass(frozen=True)
class PGMORL(MORLBaselines):
    """PGMORL (Xu et al., ICML 2020): a population of PPOs, each for a while at the μ that promises most.

    It trains on observations that are normalised, and is evaluated on observations that are normalised alike. What it
    keeps, and the μ that promises most, it tells by discounted returns above its reference point. It offers its archive
    and what it is training.
    """

    module = "pgmorl.pgmorl"
    name = "PGMORL"

    def reference_point(self, floors: NDArray[Any], steps: int) -> NDArray[Any]:
        default = inspect.signature(self._class()).parameters["gamma"].default
        return discounted(floors, self.settings.get("gamma", default), steps)

    def construct(self, kind: type, env_id: str, floors: NDArray[Any], given: dict[str, Any]) -> Any:
        return kind(env_id, origin=floors, **given)

    def training(self, agent: Any, beside: RewardVectorEnv, floors: NDArray[Any], steps: int) -> dict[str, Any]:
        space = beside.observation_space
        seen = gymnasium.wrappers.TransformObservation(beside, lambda raw: _normalised(agent, raw), space)
        return {"total_timesteps": steps, "eval_env": seen, "ref_point": floors}

    def players(self, agent: Any, preferences: Sequence[Sequence[float]]) -> list[Player]:
        def act(one: Any, observations: Tensor) -> Tensor:
            return one.networks.actor_mean(_normalised(agent, observations))

        return [player(agent, partial(act, one)) for one in (*agent.archive.individuals, *agent.agents)]


def _normalised(agent: Any, observations: Any) -> Any:
    """``[..., O]`` as its copies of the environment normalise what they see, by their mean statistics."""
    each = [env.get_wrapper_attr("obs_rms") for env in agent.env.envs]
    mean = np.mean([moments.mean for moments in each], 0)
    variance = np.mean([moments.var + (moments.mean - mean) ** 2 for moments in each], 0)
    scale = 1 / np.sqrt(variance + 1e-8)
    if isinstance(observations, Tensor):
        mean, scale = (torch.as_tensor(array, dtype=observations.dtype) for array in (mean, scale))
        mean, scale = mean.to(observations.device), scale.to(observations.device)
    return ((observations - mean) * scale).clip(-OBSERVATION_LIMIT, OBSERVATION_LIMIT)
