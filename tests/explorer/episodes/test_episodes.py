from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest

from rsoup_lightning.explorer.episodes.episodes import EFFORT, VELOCITY, Part, episode
from rsoup_lightning.modalities.control.playing import Acting
from rsoup_lightning.modalities.control.single import make_single


def _acting(name: str, act: Callable[[Any], Any], **options: Any) -> Acting:
    """Acts without a policy."""
    simulator = partial(make_single, name, options)
    made = simulator()
    acting = Acting(None, made.observation_space.shape or (), None, simulator)  # type: ignore[arg-type]
    object.__setattr__(acting, "act", act)
    return acting


def _columns(parts: list[Part], name: str) -> list[float]:
    return [value for part in parts for value in part.curves[name]]


def test_an_episode_is_what_the_simulator_says() -> None:
    action = np.full(6, 0.5, np.float32)
    parts = list(episode(_acting("HalfCheetah-v5", lambda _: action, max_episode_steps=60), 3))
    assert [len(part.shapes) for part in parts] == [5, 25, 25, 5]
    assert [part.ended for part in parts] == [False, False, False, True]
    assert [len(part.states) for part in parts] == [3, 12, 13, 2]  # of every second step, ten frames a second
    assert _columns(parts, EFFORT) == pytest.approx([1.5] * 60)
    env = gymnasium.make("HalfCheetah-v5")
    env.reset(seed=3)
    wanted = [env.step(action)[4]["x_velocity"] for _ in range(60)]
    assert _columns(parts, VELOCITY) == pytest.approx(wanted, abs=1e-4)
    assert parts[0].rate == 20 and parts[0].ground
    assert parts[0].played is None and parts[-1].played is not None
    assert parts[-1].played["x_velocity"][0].tolist() == pytest.approx(wanted)
    assert parts[-1].played["applied"].shape == (1, 60, 6) and parts[-1].played.truncated[0, -1]


def test_without_a_body_there_are_curves() -> None:
    parts = list(episode(_acting("CartPole-v1", lambda _: 1), 0))
    assert parts[-1].ended and not any(part.shapes for part in parts)
    assert set(_columns(parts, "action")) == {1.0} and set(_columns(parts, "reward")) == {1.0}


def test_who_leaves_closes_the_simulator() -> None:
    acting = _acting("CartPole-v1", lambda _: 1)
    closed: list[int] = []
    made = acting.simulator()
    made.close = lambda: closed.append(1)  # type: ignore[method-assign]
    object.__setattr__(acting, "simulator", lambda: made)
    parts = episode(acting, 0, steps=1)
    next(parts)
    parts.close()  # type: ignore[attr-defined]
    assert closed == [1]
