from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from rsoup_lightning.explorer.episodes.motion import body_of
from rsoup_lightning.modalities.control.single import no_idle_warnings


def _made(name: str) -> gymnasium.Env:
    with no_idle_warnings():
        env = gymnasium.make(name)
        env.reset(seed=0)
    return env


def test_a_cheetah_is_eight_lines_that_move() -> None:
    env = _made("HalfCheetah-v5")
    body = body_of(env)
    assert body is not None and not body.lies
    before = np.array(body.shapes())
    assert before.shape == (8, 5) and (before[:, 4] > 0.03).all()
    assert before[:, [1, 3]].min() > -0.1  # metres above the ground
    lengths = np.hypot(before[:, 2] - before[:, 0], before[:, 3] - before[:, 1])
    for _ in range(20):
        env.step(env.action_space.sample())
    after = np.array(body.shapes())
    assert np.abs(after - before).max() > 0.01
    assert np.hypot(after[:, 2] - after[:, 0], after[:, 3] - after[:, 1]) == pytest.approx(lengths, abs=3e-3)


def test_a_swimmer_is_seen_from_above() -> None:
    body = body_of(_made("Swimmer-v5"))
    assert body is not None and body.lies


def test_what_is_no_body_is_none() -> None:
    assert body_of(_made("CartPole-v1")) is None
