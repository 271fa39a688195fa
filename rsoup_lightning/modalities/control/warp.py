"""``WarpSimulator``: bodies of MuJoCo stepped on a GPU, thousands at once, by MuJoCo Warp (extra ``warp``)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

from rsoup_lightning.errors import SimulationError
from rsoup_lightning.modalities.control.bodies import Runner, formulas_of
from rsoup_lightning.modalities.control.simulator import Simulator, SimulatorStep
from rsoup_lightning.modalities.control.single import make_single

CONTACTS, CONSTRAINTS = 64, 256
"""Room for each copy; a body on a plane has fewer."""


class WarpSimulator(Simulator):
    """Copies stepped together in single precision, on the GPU where there is one, else on the CPU.

    Episodes start as Gymnasium's of the same seeds, to the last bit, and then differ by rounding. The first use
    compiles MuJoCo Warp's kernels for the body, which takes a minute; later ones read them from its cache.

    Args:
        env_id: Gymnasium's name, of a body in ``bodies.BODIES``.
        seeds: N seeds.
        options: keyword arguments of the environment.

    Raises:
        SimulationError: MuJoCo Warp is not installed, or does not play the body.
    """

    def __init__(self, env_id: str, seeds: Sequence[int], options: dict[str, Any]) -> None:
        single = make_single(env_id, options)
        self._env = cast(Any, single.unwrapped)
        self._body = played_by_warp(single, env_id)
        import warp

        warp.config.quiet = True  # type: ignore[attr-defined]  # before it starts: the next line has it do that
        import mujoco_warp

        self._warp, self._mujoco = warp, mujoco_warp
        self._limit = single.spec.max_episode_steps if single.spec else None
        self._seeds = [int(seed) for seed in seeds]
        try:
            self._model = mujoco_warp.put_model(self._env.model)
        except NotImplementedError as error:
            raise SimulationError(f"backend 'warp' does not play {env_id!r} with {options}: {error}") from error
        self._data = mujoco_warp.put_data(
            self._env.model, self._env.data, nworld=len(seeds), nconmax=CONTACTS, njmax=CONSTRAINTS
        )
        self._graph: Any = None

    def reset(self) -> NDArray[Any]:
        self._random = [seeding.np_random(seed)[0] for seed in self._seeds]
        every = np.arange(len(self._seeds))
        self._steps, self._ended = np.zeros(len(every), dtype=int), np.zeros(len(every), dtype=bool)
        self._place = np.zeros(len(every))
        return self._begin(every)

    def step(self, actions: NDArray[Any]) -> SimulatorStep:
        ended = np.flatnonzero(self._ended)
        self._data.ctrl.assign(actions.astype(np.float32))
        self._advance()
        positions, velocities = self._data.qpos.numpy(), self._data.qvel.numpy()
        place = positions[:, 0].copy()
        result = self._body.outcome(positions, velocities, (place - self._place) / self._env.dt, actions)
        observations, rewards, terminated = (
            self._body.observations(positions, velocities),
            result.rewards,
            result.terminated,
        )
        self._place = place
        self._steps += 1
        truncated = np.zeros_like(terminated) if self._limit is None else self._steps >= self._limit
        if len(ended):
            observations[ended] = self._begin(ended)
            rewards[ended] = 0.0
            terminated[ended] = truncated[ended] = False
            for values in result.info.values():
                values[ended] = 0
        self._ended = terminated | truncated
        return SimulatorStep(observations, rewards, terminated, truncated, result.info)

    def close(self) -> None:
        self._env.close()

    def _begin(self, copies: NDArray[Any]) -> NDArray[Any]:
        """Start episodes of some copies, each by its own random numbers; their first observations."""
        state = {name: getattr(self._data, name).numpy() for name in ("qpos", "qvel", "qacc_warmstart")}
        observations = []
        for copy in copies:
            self._env.np_random = self._random[copy]
            observations.append(self._env.reset_model())
            own = self._env.data
            for name, values in state.items():
                values[copy] = getattr(own, name)
            self._place[copy] = own.qpos[0]
        for name, values in state.items():
            getattr(self._data, name).assign(values)
        self._steps[copies] = 0
        return np.stack(observations)

    def _advance(self) -> None:
        """One step of the environment: on a GPU as one graph, which spares launching its kernels one by one."""
        if not self._warp.get_device().is_cuda:
            self._substeps()
            return
        if self._graph is None:
            self._substeps()  # which compiles what the graph is to hold
            with self._warp.ScopedCapture() as capture:
                self._substeps()
            self._graph = capture.graph
            return
        self._warp.capture_launch(self._graph)

    def _substeps(self) -> None:
        for _ in range(self._env.frame_skip):
            self._mujoco.step(self._model, self._data)


def played_by_warp(env: gymnasium.Env, env_id: str) -> Runner:
    """The body of ``env``, which was made as ``env_id``.

    Raises:
        SimulationError: MuJoCo Warp is not installed, or the body is none that it plays here.
    """
    if find_spec("mujoco_warp") is None:
        raise SimulationError("backend 'warp' is not installed: pip install 'rsoup_lightning[warp]'")
    return formulas_of(env.unwrapped, env_id)
