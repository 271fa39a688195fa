"""Film of what is played, where OpenGL is there: drawn beside the page, in its own time."""

from __future__ import annotations

import logging
import os
from functools import cache
from multiprocessing import get_context
from typing import Any

import mujoco
import numpy as np
from gymnasium.envs.mujoco import MujocoEnv
from numpy.typing import NDArray

from rsoup_lightning.errors import SimulationError
from rsoup_lightning.explorer.episodes.painter import Subject, paint
from rsoup_lightning.explorer.owner import Owner
from rsoup_lightning.modalities.control.film import NO_GL, camera_number, gl_backend

logger = logging.getLogger(__name__)


class Camera:
    """Draws subjects in a process of its own, one strip after the other, whoever wants them.

    Args:
        backend: MuJoCo's name of an OpenGL that works here.

    Attributes:
        process: that one.
    """

    def __init__(self, backend: str) -> None:
        os.environ["MUJOCO_GL"] = backend  # which MuJoCo reads when it is imported: there, and no more here
        context = get_context("spawn")
        self._painter, end = context.Pipe()
        self.process = context.Process(target=paint, args=(end,), name="film", daemon=True)
        self.process.start()
        end.close()  # so that it ends with this process, however that ends
        self._owner = Owner("film")

    async def strip(self, subject: Subject, states: NDArray[np.float64]) -> bytes:
        """The frames of states ``[F, Q]``, one below the other, as JPEG. Who is cancelled in time is not drawn for.

        Raises:
            SimulationError: the drawing failed.
        """
        try:
            drawn = await self._owner.do(lambda: self._answer(subject, states))
        except (EOFError, OSError) as error:
            raise SimulationError("the film is at its end: its process has died") from error
        if isinstance(drawn, str):
            raise SimulationError(f"the drawing failed: {drawn}")
        return drawn

    def _answer(self, *asked: Any) -> bytes | str:
        self._painter.send(asked)
        answer: bytes | str = self._painter.recv()
        return answer


@cache
def camera() -> Camera | None:
    """The camera of this process; None where there is no OpenGL, which is found out and said once."""
    backend = gl_backend()
    if backend is None:
        logger.warning("no film on the page, which draws bodies as lines: %s", NO_GL)
        return None
    return Camera(backend)


def subject_of(simulator: Any) -> Subject | None:
    """What a camera sees of a simulator; None where it is not of MuJoCo."""
    env = simulator.unwrapped
    if not isinstance(env, MujocoEnv):
        return None
    model = np.empty(mujoco.mj_sizeModel(env.model), np.uint8)
    mujoco.mj_saveModel(env.model, None, model)
    return Subject(model.tobytes(), camera_number(env), env.mujoco_renderer.default_cam_config or {})
