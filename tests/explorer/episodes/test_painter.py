from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from multiprocessing import get_context

import numpy as np
import pytest
from PIL import Image

from rsoup_lightning.explorer.episodes.camera import subject_of
from rsoup_lightning.explorer.episodes.painter import HEIGHT, WIDTH, paint
from rsoup_lightning.modalities.control.single import make_single


def test_frames_show_the_states(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is another picture, of more than a ground; what cannot be drawn is said, and the next is drawn."""
    monkeypatch.setenv("MUJOCO_GL", backend)
    env = make_single("HalfCheetah-v5", {})
    env.reset(seed=0)
    subject, states = subject_of(env), []
    assert subject is not None
    for _ in range(3):
        states.append(env.unwrapped.data.qpos.copy())  # type: ignore[attr-defined]
        env.step(env.action_space.sample())
    here, there = (context := get_context("spawn")).Pipe()
    process = context.Process(target=paint, args=(there,))
    process.start()
    there.close()
    for asked in (
        (replace(subject, model=b"no model"), states),
        (subject, [states[0][:3]]),
        (subject, [*states, states[0]]),
        (subject, [states[0], states[0] + np.eye(9)[0] * 20]),  # metres further
    ):
        here.send((asked[0], np.stack(asked[1])))
    assert [type(here.recv()) for _ in range(2)] == [str, str]
    with Image.open(BytesIO(here.recv())) as strip:
        assert strip.size == (WIDTH, 4 * HEIGHT)
        frames = np.asarray(strip).reshape(4, HEIGHT, WIDTH, 3).astype(int)
    far = [np.abs(frame - frames[0]).max() for frame in frames]
    assert min(far[1:3]) > 50 > 20 > far[3]
    assert len(np.unique(frames[0].reshape(-1, 3), axis=0)) > 100  # more than the ground
    with Image.open(BytesIO(here.recv())) as strip:
        colours = np.asarray(strip.convert("HSV")).reshape(2, -1, 3)
    brown = ((colours[..., 1] > 60) & (colours[..., 0] < 40)).sum(1)
    assert brown[0] > 300 and brown == pytest.approx(brown[0], rel=0.1)  # the camera goes with the body
    here.close()
    process.join(10)
    assert process.exitcode == 0
