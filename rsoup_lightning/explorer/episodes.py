"""An episode played now, step by step: how the body moves, its curves, and what each step was worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rsoup_lightning.explorer.motion import Shape, body_of
from rsoup_lightning.modalities.control.playing import Acting

STEPS = 25  # of a part
DEFAULT_RATE = 20.0  # steps of a second, where the simulator does not say

VELOCITY, EFFORT, ACTION, REWARD = "velocity (m/s)", "effort ‖a‖²", "action", "reward"


@dataclass
class Part:
    """Some steps of an episode.

    Attributes:
        rate: steps in a second of the simulator's time.
        ground: whether the body stands on something.
        shapes: of each step, if the body can be drawn.
        curves: of each step, by name.
        ended: whether the episode ends with it.
    """

    rate: float
    ground: bool
    shapes: list[list[Shape]] = field(default_factory=list)
    curves: dict[str, list[float]] = field(default_factory=dict)
    ended: bool = False


def episode(acting: Acting, seed: int, *, steps: int = STEPS) -> Iterator[Part]:
    """Play a whole episode.

    Args:
        acting: one policy.
        seed: of the simulator.
        steps: of a part.

    Raises:
        SimulationError: the policy or the simulator has diverged.
    """
    simulator = acting.simulator()
    try:
        observation, _ = simulator.reset(seed=seed)
        body = body_of(simulator)
        rate = float(simulator.metadata.get("render_fps") or DEFAULT_RATE)
        part, over = Part(rate, body is not None and not body.lies), False
        while not over:
            action = acting.act(observation)
            observation, reward, terminated, truncated, info = simulator.step(action)
            over = terminated or truncated
            if body is not None:
                part.shapes.append(body.shapes())
            for name, value in _curves(action, reward, info).items():
                part.curves.setdefault(name, []).append(round(value, 4))
            if over or len(next(iter(part.curves.values()))) == steps:
                part.ended = over
                yield part
                part = Part(part.rate, part.ground)
    finally:
        simulator.close()


def _curves(action: Any, reward: Any, info: dict[str, Any]) -> dict[str, float]:
    """What is worth watching of a step: how fast and with what effort; else what was done and what it gave."""
    found: dict[str, float] = {}
    if "x_velocity" in info:
        found[VELOCITY] = float(info["x_velocity"])
    values = np.asarray(action)
    if values.dtype.kind == "f":
        found[EFFORT] = float(np.square(values).sum())
    elif values.size == 1:
        found[ACTION] = float(values.reshape(-1)[0])
    if VELOCITY not in found:
        entries = np.atleast_1d(np.asarray(reward, float))
        found |= {REWARD if len(entries) == 1 else f"{REWARD} {i + 1}": float(x) for i, x in enumerate(entries)}
    return found
