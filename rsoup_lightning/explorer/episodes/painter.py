"""Frames of MuJoCo bodies, in a process of its own: a broken OpenGL cannot hurt the page, nor drawing delay what plays.

Notation: F frames, Q positions of the joints.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 320, 176  # multiples of 16, so that no block of a JPEG lies in two frames
QUALITY = 70  # of JPEG
SHAPES = 2000  # that a scene may have


@dataclass(frozen=True)
class Subject:
    """What is filmed.

    Attributes:
        model: the simulator's, as MuJoCo saves it.
        camera: number of the model's camera; -1 is a free one.
        view: settings of a free camera.
    """

    model: bytes = field(repr=False)
    camera: int
    view: Mapping[str, Any] = field(hash=False)


def paint(connection: Connection) -> None:
    """Answer each subject and its states ``[F, Q]`` with a :meth:`Painter.strip`, or with what went wrong, as a text.

    Args:
        connection: to who asks; it ends with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks ends it
    painters: dict[Subject, Painter] = {}
    with suppress(EOFError, ConnectionError):
        while True:
            subject, states = connection.recv()
            try:
                if subject not in painters:
                    painters[subject] = Painter(subject)
                connection.send(painters[subject].strip(states))
            except Exception as error:  # of any driver
                connection.send(f"{type(error).__name__}: {error}")


class Painter:
    """Draws a subject; without shadows, reflections and smooth edges, which take a CPU fifteen times as long.

    Args:
        subject: which; OpenGL is chosen by then.
    """

    def __init__(self, subject: Subject) -> None:
        import mujoco

        self._model = model = mujoco.MjModel.from_binary_path("model.mjb", {"model.mjb": subject.model})
        model.vis.quality.offsamples, model.vis.quality.shadowsize = 0, 64
        model.vis.global_.offwidth, model.vis.global_.offheight = WIDTH, HEIGHT
        self._data = mujoco.MjData(model)
        self._gl = mujoco.GLContext(WIDTH, HEIGHT)
        self._gl.make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene, self._options = mujoco.MjvScene(model, SHAPES), mujoco.MjvOption()
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = 0
        self._camera = _camera(subject, model)
        self._frame = mujoco.MjrRect(0, 0, WIDTH, HEIGHT)

    def strip(self, states: NDArray[np.float64]) -> bytes:
        """The frames of states ``[F, Q]``, one below the other, as JPEG."""
        self._gl.make_current()
        frames = np.stack([self._drawn(state) for state in states])
        stream = BytesIO()
        Image.fromarray(frames.reshape(-1, WIDTH, 3)).save(stream, "JPEG", quality=QUALITY)
        return stream.getvalue()

    def _drawn(self, state: NDArray[np.float64]) -> NDArray[np.uint8]:
        """``[HEIGHT, WIDTH, 3]``"""
        import mujoco

        self._data.qpos[:] = state
        for place in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_camlight, mujoco.mj_tendon):
            place(self._model, self._data)
        every = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self._model, self._data, self._options, None, self._camera, every, self._scene)
        mujoco.mjr_render(self._frame, self._scene, self._context)
        pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, self._frame, self._context)
        return pixels[::-1]


def _camera(subject: Subject, model: Any) -> Any:
    import mujoco

    camera = mujoco.MjvCamera()
    mujoco.mjv_defaultFreeCamera(model, camera)
    if subject.camera >= 0:
        camera.type, camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, subject.camera
        return camera
    for name, value in subject.view.items():
        if isinstance(value, np.ndarray):
            getattr(camera, name)[:] = value
        else:
            setattr(camera, name, value)
    return camera
