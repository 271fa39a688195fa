"""Who steps the copies of a simulator: Gymnasium's environments in turn, envpool's threads, or a GPU.

Notation: N copies.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rsoup_lightning.errors import RSoupError, SimulationError, UnknownNameError
from rsoup_lightning.modalities.control.info import gathered, numbers
from rsoup_lightning.modalities.control.simulator import Simulator, SimulatorStep
from rsoup_lightning.modalities.control.single import make_single, no_idle_warnings
from rsoup_lightning.modalities.control.spaces import is_plain
from rsoup_lightning.threads import cores

Backend = Literal["auto", "envpool", "gymnasium", "warp"]


class GymnasiumSimulator(Simulator):
    """Environments of Gymnasium stepped one after the other in this process."""

    def __init__(self, env_id: str, seeds: Sequence[int], options: dict[str, Any]) -> None:
        self._seeds = [int(seed) for seed in seeds]
        with warnings.catch_warnings(action="ignore"):  # the same for every copy: whoever asked for the spaces saw them
            self._envs = [make_single(env_id, options) for _ in seeds]
        self._no_reward: NDArray[Any] = np.zeros(())
        self._ended = np.zeros(len(seeds), dtype=bool)

    def reset(self) -> NDArray[Any]:
        self._ended[:] = False
        return np.stack([env.reset(seed=seed)[0] for env, seed in zip(self._envs, self._seeds, strict=True)])

    def step(self, actions: NDArray[Any]) -> SimulatorStep:
        each = [
            (env.reset()[0], self._no_reward, False, False, {}) if ended else env.step(action)
            for env, ended, action in zip(self._envs, self._ended, actions, strict=True)
        ]
        observations, rewards, terminated, truncated, infos = zip(*each, strict=True)
        result = SimulatorStep(
            np.stack(observations),
            np.array(rewards, dtype=float),
            np.array(terminated, dtype=bool),
            np.array(truncated, dtype=bool),
            gathered([numbers(info) for info in infos]),
        )
        self._ended = result.terminated | result.truncated
        self._no_reward = np.zeros(result.rewards.shape[1:])
        return result

    def close(self) -> None:
        for env in self._envs:
            env.close()


class EnvPoolSimulator(Simulator):
    """Copies stepped by envpool's C++ threads (extra ``fast``)."""

    def __init__(self, env_id: str, seeds: Sequence[int], options: dict[str, Any]) -> None:
        import envpool

        threads = min(len(seeds), cores())
        self._pool = envpool.make(
            env_id,
            env_type="gymnasium",
            num_envs=len(seeds),
            num_threads=threads,
            seed=[int(seed) for seed in seeds],
            **options,
        )
        self._dtype = self._pool.action_space.dtype

    def reset(self) -> NDArray[Any]:
        with no_idle_warnings():  # envpool makes its spaces here
            return self._pool.reset()[0]

    def step(self, actions: NDArray[Any]) -> SimulatorStep:
        result = self._pool.step(actions.astype(self._dtype))
        observations, rewards, terminated, truncated, info = result
        return SimulatorStep(observations, rewards, terminated, truncated, numbers(info, copies=len(rewards)))

    def close(self) -> None:
        self._pool.close()


def make_simulator(env_id: str, seeds: Sequence[int], backend: Backend, options: dict[str, Any]) -> Simulator:
    """N copies of ``env_id``, copy i seeded with ``seeds[i]``; equal seeds start equal episodes.

    Args:
        env_id: Gymnasium's name, ``module:Id`` for an environment that ``module`` registers.
        seeds: N seeds.
        backend: see :func:`choose_backend`.
        options: keyword arguments of the environment, such as ``ctrl_cost_weight``.

    Raises:
        SimulationError: envpool or warp asked for where it is not installed or does not play this environment.
        UnknownNameError: envpool asked for but without this environment.
    """
    if backend == "auto":
        env = make_single(env_id, options)
        backend = choose_backend(env, env_id, backend, options)
        env.close()
    if backend == "gymnasium":
        return GymnasiumSimulator(env_id, seeds, options)
    if backend == "warp":
        from rsoup_lightning.modalities.control.warp import WarpSimulator

        return WarpSimulator(env_id, seeds, options)
    return EnvPoolSimulator(env_id, seeds, options)


def choose_backend(env: gymnasium.Env, env_id: str, backend: Backend, options: dict[str, Any]) -> Backend:
    """Who steps ``env_id``, made as ``env``: ``backend``, and where that is ``auto`` envpool, if it plays the same.

    Raises:
        SimulationError: envpool or warp asked for where it is not installed or does not play this environment.
        UnknownNameError: envpool asked for but without this environment.
    """
    if backend == "warp":
        from rsoup_lightning.modalities.control.warp import played_by_warp

        played_by_warp(env, env_id)
        return backend
    obstacle = _obstacle(env, env_id, options) if backend != "gymnasium" else None
    if backend == "envpool" and obstacle:
        raise obstacle
    return "gymnasium" if obstacle or backend == "gymnasium" else "envpool"


def _obstacle(env: gymnasium.Env, env_id: str, options: dict[str, Any]) -> RSoupError | None:
    """Why envpool cannot play what ``env`` plays."""
    if find_spec("envpool") is None:
        return SimulationError("backend 'envpool' is not installed: pip install 'rsoup_lightning[fast]'")
    import envpool

    if env_id not in envpool.list_all_envs():
        return UnknownNameError("envpool environment", env_id, envpool.list_all_envs())
    wanted = env.unwrapped.observation_space
    try:
        with no_idle_warnings():
            pool = envpool.make(env_id, env_type="gymnasium", num_envs=1, **options)
            same = is_plain(wanted) and wanted.shape == pool.observation_space.shape
            pool.close()
    except Exception as error:  # envpool has no family of errors
        return SimulationError(f"envpool cannot make {env_id!r} with {options}: {error}")
    if not same:
        return SimulationError(
            f"envpool does not give the observations {wanted} of {env_id!r}: set backend to gymnasium"
        )
    return None
