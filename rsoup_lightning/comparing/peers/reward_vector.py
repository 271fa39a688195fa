"""A task's environment and rewards as one environment of MO-Gymnasium, whose steps are counted.

Notation: R rewards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.control import SimulatorEnvironment
from rsoup_lightning.modalities.control.info import gathered, numbers
from rsoup_lightning.modalities.control.recording import Recording
from rsoup_lightning.modalities.control.simulators import SimulatorStep
from rsoup_lightning.modalities.control.single import make_single
from rsoup_lightning.modalities.control.spaces import NumberActions
from rsoup_lightning.rewards import Reward

ENV_ID = "rsoup/RewardVector-v0"


class BudgetSpentError(Exception):
    """Ends a training that has no steps or no time left; whoever trains catches it."""


@dataclass
class Meter:
    """Counts steps, and allows no more than a number of them, or than what a time holds.

    Attributes:
        limit: steps, or None.
        seconds: from now on, or None.
        steps: taken.
    """

    limit: int | None = None
    seconds: float | None = None
    steps: int = 0
    _start: float = field(default_factory=time.perf_counter)

    def tick(self) -> None:
        """A step is to be taken.

        Raises:
            BudgetSpentError: there is none left.
        """
        self.check()
        if self.steps == self.limit:
            raise BudgetSpentError
        self.steps += 1

    def check(self) -> None:
        """Something is to be done that is no step.

        Raises:
            BudgetSpentError: there is no time left.
        """
        if self.seconds is not None and time.perf_counter() - self._start >= self.seconds:
            raise BudgetSpentError


class RewardVectorEnv(gymnasium.Env[NDArray[Any], NDArray[Any]]):
    """One copy of a simulator, whose reward is a vector ``[R]`` of a task's rewards.

    Args:
        environment: which simulator.
        rewards: R of them, in order; each is asked after every step.
        seed: of the first episode, unless ``reset`` is given one, and of actions that the space draws.
        before_step: called before each step.
        render_mode: is not heeded.
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012  Gymnasium's own type

    def __init__(
        self,
        environment: SimulatorEnvironment,
        rewards: Mapping[str, Reward],
        seed: int,
        before_step: Callable[[], None],
        render_mode: str | None = None,
    ) -> None:
        self._env, self._actions = make_single(environment.env_id, environment.options), environment.actions
        self._rewards, self._seed, self._before_step = dict(rewards), seed, before_step
        self.observation_space = Box(-np.inf, np.inf, (environment.observation_size,), np.float64)
        self.action_space = self._env.action_space
        self.action_space.seed(seed)
        self.reward_space = Box(-np.inf, np.inf, (len(rewards),), np.float64)
        self.reward_dim = len(rewards)
        self._seen = np.zeros(environment.observation_size)

    @property
    def limit(self) -> int:
        """The most steps of an episode."""
        return int(self._env.spec.max_episode_steps)  # type: ignore[union-attr,arg-type]  # one of ours always has it

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[NDArray[Any], Any]:
        first, self._seed = self._seed, None  # type: ignore[assignment]
        observation, info = self._env.reset(seed=first if seed is None else seed, options=options)
        self._seen = observation.reshape(-1)
        return self._seen, info

    def step(self, action: NDArray[Any]) -> tuple[NDArray[Any], Any, bool, bool, dict[str, Any]]:
        self._before_step()
        given = action.reshape(1, -1)
        applied = self._actions.applied(given)
        observation, native, terminated, truncated, info = self._env.step(self._actions.native(applied)[0])
        after = observation.reshape(-1)
        flags = (np.array([terminated]), np.array([truncated]))
        result = SimulatorStep(after[None], np.array([native], float), *flags, gathered([numbers(info)]))
        recording = Recording()
        recording.add(self._seen[None], given, applied, result, counted=np.ones(1, dtype=bool))
        rollout = recording.rollout(torch.zeros(1, 1), after[None])
        self._seen = after
        vector = np.array([reward(rollout).item() for reward in self._rewards.values()])
        return after, vector, terminated, truncated, {}

    def close(self) -> None:
        self._env.close()


def check_simulator(environment: Any) -> SimulatorEnvironment:
    """``environment``, if it is a simulator whose actions are numbers.

    Raises:
        ConfigError: it is not.
    """
    if not isinstance(environment, SimulatorEnvironment):
        raise ConfigError(f"peers of morl-baselines train in simulators, not in {type(environment).__name__}")
    if not isinstance(environment.actions, NumberActions):
        raise ConfigError(f"these peers of morl-baselines take actions that are numbers: {environment.env_id} has none")
    return environment


def discounted(returns: NDArray[Any], discount: float, steps: int) -> NDArray[Any]:
    """Discounted returns ``[R]`` of what earns ``returns`` evenly over so many steps.

    >>> discounted(np.array([-1000.0]), 0.99, 1000).round(1)
    array([-100.])
    """
    weights = float(steps) if discount == 1 else (1 - discount**steps) / (1 - discount)
    return returns * weights / steps


@contextmanager
def registered(make: Callable[..., gymnasium.Env[Any, Any]]) -> Iterator[str]:
    """A name by which Gymnasium makes an environment inside the block."""
    gymnasium.register(ENV_ID, entry_point=make, disable_env_checker=True, order_enforce=False)
    try:
        yield ENV_ID
    finally:
        del gymnasium.registry[ENV_ID]
