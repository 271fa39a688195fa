from __future__ import annotations

import asyncio
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from rsoup_lightning.errors import SimulationError
from rsoup_lightning.explorer.episodes import camera as cameras
from rsoup_lightning.explorer.episodes.camera import Camera, camera, subject_of
from rsoup_lightning.modalities.control.single import make_single
from tests.explorer.browsing import run_apart


def test_a_body_is_filmed_until_the_process_dies(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", backend)  # to be put back
    env = make_single("Swimmer-v5", {})
    env.reset(seed=0)
    subject, made = subject_of(env), Camera(backend)
    assert subject is not None
    state = env.unwrapped.data.qpos.copy()  # type: ignore[attr-defined]

    async def both() -> list[bytes]:
        return list(await asyncio.gather(*(made.strip(subject, state[None].repeat(count, 0)) for count in (1, 2))))

    one, two = (Image.open(BytesIO(strip)) for strip in run_apart(both()))
    assert two.height == 2 * one.height
    with pytest.raises(SimulationError, match="the drawing failed: ValueError"):
        run_apart(made.strip(subject, np.zeros((1, 99))))
    made.process.kill()
    with pytest.raises(SimulationError, match="its process has died"):
        run_apart(made.strip(subject, state[None]))


def test_without_opengl_that_is_said_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(cameras, "gl_backend", lambda: None)
    camera.cache_clear()
    assert camera() is None is camera()
    camera.cache_clear()
    (line,) = caplog.records
    assert "libegl1" in line.getMessage()


def test_what_mujoco_does_not_move_is_no_scene() -> None:
    assert subject_of(make_single("CartPole-v1", {})) is None
