"""Many copies of one simulator behind one interface: Gymnasium's vectors, MO-Gymnasium's, or envpool's threads.

An episode that ends is reset by the *next* step, which ignores its action (Gymnasium's ``NEXT_STEP``, and envpool's
way): the observation after an episode's last step is thus its own last one, as bootstrapping needs.

Notation: N copies, O observation size, A action size, R entries of a reward vector.
"""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal

import gymnasium
import mujoco
import numpy as np
from gymnasium.vector import SyncVectorEnv
from numpy.typing import NDArray

from rsoup_lightning.errors import SimulationError, UnknownNameError

Backend = Literal["auto", "envpool", "gymnasium"]
MULTI_OBJECTIVE_PREFIX = "mo-"


@dataclass(frozen=True)
class SimulatorStep:
    """What one step of all copies gives.

    Attributes:
        observations: ``[N, O]``.
        rewards: ``[N]``, or ``[N, R]`` where the environment has a reward vector.
        terminated: ``[N]`` bool.
        truncated: ``[N]`` bool.
        velocity: ``[N]`` forward velocity in m/s, or None where the simulator does not report one.
    """

    observations: NDArray[Any]
    rewards: NDArray[Any]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    velocity: NDArray[Any] | None


class Simulator(ABC):
    """N copies of an environment, each with a seed of its own, stepped together."""

    @abstractmethod
    def reset(self) -> NDArray[Any]:
        """``[N, O]`` first observations; call it once, before the first step."""

    @abstractmethod
    def step(self, actions: NDArray[np.float32]) -> SimulatorStep:
        """Apply ``actions [N, A]``."""

    @abstractmethod
    def close(self) -> None:
        """Free it."""


class GymnasiumSimulator(Simulator):
    """Copies stepped one after the other in this process, through Gymnasium's (or MO-Gymnasium's) vector API."""

    def __init__(self, env_id: str, seeds: Sequence[int], options: dict[str, Any]) -> None:
        self._seeds: list[int | None] = [int(seed) for seed in seeds]
        if is_multi_objective(env_id):
            from mo_gymnasium.wrappers.vector import MOSyncVectorEnv

            vector: type[SyncVectorEnv] = MOSyncVectorEnv
        else:
            vector = SyncVectorEnv
        self._envs = vector([partial(make_single, env_id, options)] * len(seeds))

    def reset(self) -> NDArray[Any]:
        return self._envs.reset(seed=self._seeds)[0]

    def step(self, actions: NDArray[np.float32]) -> SimulatorStep:
        observations, rewards, terminated, truncated, info = self._envs.step(actions)
        return SimulatorStep(observations, rewards, terminated, truncated, info.get("x_velocity"))

    def close(self) -> None:
        self._envs.close()


class EnvPoolSimulator(Simulator):
    """Copies stepped by envpool's C++ threads (extra ``fast``)."""

    def __init__(self, env_id: str, seeds: Sequence[int], options: dict[str, Any]) -> None:
        import envpool

        threads = min(len(seeds), os.cpu_count() or 1)
        self._pool = envpool.make(
            env_id,
            env_type="gymnasium",
            num_envs=len(seeds),
            num_threads=threads,
            seed=[int(seed) for seed in seeds],
            **options,
        )

    def reset(self) -> NDArray[Any]:
        return self._pool.reset()[0]

    def step(self, actions: NDArray[np.float32]) -> SimulatorStep:
        observations, rewards, terminated, truncated, info = self._pool.step(actions.astype(np.float64))
        return SimulatorStep(observations, rewards, terminated, truncated, info.get("x_velocity"))

    def close(self) -> None:
        self._pool.close()


def make_simulator(env_id: str, seeds: Sequence[int], backend: Backend, options: dict[str, Any]) -> Simulator:
    """N copies of ``env_id``, copy i seeded with ``seeds[i]``; equal seeds start equal episodes.

    Args:
        env_id: Gymnasium's or MO-Gymnasium's name.
        seeds: N seeds.
        backend: ``auto`` takes envpool where it is installed and has this environment.
        options: keyword arguments of the environment, such as ``ctrl_cost_weight``.

    Raises:
        SimulationError: envpool asked for but absent, or without this environment.
    """
    has_envpool = find_spec("envpool") is not None
    if backend == "envpool" and not has_envpool:
        raise SimulationError("backend 'envpool' is not installed: pip install 'rsoup_lightning[fast]'")
    if backend == "gymnasium" or not has_envpool:
        return GymnasiumSimulator(env_id, seeds, options)
    import envpool

    if env_id in envpool.list_all_envs():
        return EnvPoolSimulator(env_id, seeds, options)
    if backend == "envpool":
        raise UnknownNameError("envpool environment", env_id, envpool.list_all_envs())
    return GymnasiumSimulator(env_id, seeds, options)


def is_multi_objective(env_id: str) -> bool:
    """Whether ``env_id`` is MO-Gymnasium's, which has a reward vector."""
    return env_id.startswith(MULTI_OBJECTIVE_PREFIX)


def reward_size(env: gymnasium.Env) -> int:
    """R, entries of the reward vector; 1 where the reward is a plain number."""
    assert env.spec is not None  # made from the registry
    return int(env.get_wrapper_attr("reward_space").shape[0]) if is_multi_objective(env.spec.id) else 1


def make_single(env_id: str, options: dict[str, Any], **kwargs: Any) -> gymnasium.Env:
    """One plain environment: for its spaces, or for pictures with ``render_mode``.

    Raises:
        UnknownNameError: no such environment; suggests the nearest name.
        SimulationError: an optional package is absent, or the environment refuses its options.
    """
    if is_multi_objective(env_id):
        if find_spec("mo_gymnasium") is None:
            raise SimulationError(f"{env_id!r} needs MO-Gymnasium: pip install 'rsoup_lightning[mo]'")
        import mo_gymnasium  # noqa: F401  registers its environments
    if env_id not in gymnasium.registry:
        raise UnknownNameError("environment", env_id, gymnasium.registry)
    with _no_model_warnings():
        try:
            return gymnasium.make(env_id, disable_env_checker=True, **options, **kwargs)
        except (gymnasium.error.Error, TypeError, ImportError) as error:
            raise SimulationError(f"cannot make environment {env_id!r} with {options}: {error}") from error


@contextmanager
def _no_model_warnings() -> Iterator[None]:
    """Without MuJoCo's notes on the age of the bodies that Gymnasium ships: nobody here can act on them."""
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*is out of date.*")
            yield
    finally:
        mujoco.set_mju_user_warning(before)
