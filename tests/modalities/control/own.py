"""Environments as a user registers them: in a module of their own, with spaces of every kind."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Sequence, Space, Tuple

OBSERVATIONS: dict[str, Space[Any]] = {
    "box": Box(-1, 1, (3,)),
    "grid": Box(0, 1, (2, 3), np.int8),
    "picture": Box(0, 255, (64, 48, 3), np.uint8),
    "many channels": Box(0, 255, (64, 64, 5), np.uint8),
    "one of four": Discrete(4, start=2),
    "dict": Dict({"place": Box(-1, 1, (2,)), "room": Discrete(3), "lamps": MultiBinary(2)}),
    "tuple": Tuple((Discrete(2), MultiDiscrete([3, 2]))),
    "sequence": Sequence(Discrete(2)),
    "nan": Box(-np.inf, np.inf, (2,)),
}
ACTIONS: dict[str, Space[Any]] = {
    "box": Box(-1, 1, (2,)),
    "matrix": Box(-2, 2, (2, 2)),
    "unbounded": Box(-np.inf, np.inf, (2,)),
    "whole numbers": Box(0, 9, (2,), np.int32),
    "one of three": Discrete(3, start=-1),
    "several": MultiDiscrete([[2, 3], [4, 5]]),
    "switches": MultiBinary(3),
    "dict": Dict({"push": Discrete(2)}),
}
REWARDS: dict[str, Any] = {"plain": 1.0, "list": [1.0, -2.0], "table": [[1.0], [2.0]]}


class Anything(gymnasium.Env):
    """Any spaces and reward; it checks that actions lie in its space, and tells much in ``info``."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 5}

    def __init__(
        self, observation: str = "box", action: str = "box", reward: str = "plain", render_mode: str | None = None
    ) -> None:
        self.observation_space, self.action_space = OBSERVATIONS[observation], ACTIONS[action]
        self.given, self.fails = REWARDS[reward], observation == "nan"
        self.render_mode, self.steps = render_mode, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.steps = 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), (action, self.action_space)
        self.steps += 1
        info = {
            "steps": self.steps,
            "id": -7,
            "costs": {"power": 0.5, "parts": np.array([1, 2])},
            "name": "x",
            "ragged": [[1], [2, 3]],
            "picture": np.zeros((20, 20)),
        }
        return self._seen(), self.given, self.steps == 4, False, {**info, "won": True} if self.steps == 4 else info

    def _seen(self) -> Any:
        return np.full(2, np.nan) if self.fails and self.steps == 2 else self.observation_space.sample()

    def render(self) -> Any:
        return np.full((400, 640, 3), 60 * self.steps, dtype=np.uint8)


class Signs(gymnasium.Env):
    """Eight signs, one after the other, and two rewards in ``info``: for doing as they say, and for turning left."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["human"]}
    observation_space = Discrete(4)
    action_space = Discrete(4)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps, self.sign = 0, int(self.np_random.integers(4))
        return self.sign, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        info = {"obeyed": action == self.sign, "turns": {"left": float(action == 0)}}
        self.steps, self.sign = self.steps + 1, int(self.np_random.integers(4))
        return self.sign, 0.0, self.steps == 8, False, info


gymnasium.register("Anything-v0", Anything, max_episode_steps=10)
gymnasium.register("Signs-v0", Signs, max_episode_steps=8)
