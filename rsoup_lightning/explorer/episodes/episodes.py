"""An episode played now, step by step: how the body moves, its curves, and what each step was worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from gymnasium.envs.mujoco import MujocoEnv
from numpy.typing import NDArray

from rsoup_lightning.explorer.episodes.motion import Shape, body_of
from rsoup_lightning.modalities.control.info import gathered, numbers
from rsoup_lightning.modalities.control.playing import Acting
from rsoup_lightning.modalities.control.recording import Recording
from rsoup_lightning.modalities.control.simulator import SimulatorStep
from rsoup_lightning.rollout import Rollout

STEPS = 25  # of a part
FIRST = 5  # of the first, so that something is seen soon
FRAME_RATE = 10.0  # of film, in a second of the simulator's time
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
        stride: steps from one frame of film to the next.
        states: ``[F, Q]`` the joints' positions at each frame, if the body can be filmed.
        ended: whether the episode ends with it.
        played: the whole episode as rewards read it, where it has ended.
    """

    rate: float
    ground: bool
    shapes: list[list[Shape]] = field(default_factory=list)
    curves: dict[str, list[float]] = field(default_factory=dict)
    stride: int = 1
    states: list[NDArray[np.float64]] = field(default_factory=list)
    ended: bool = False
    played: Rollout | None = None


def episode(acting: Acting, seed: int, *, steps: int = STEPS) -> Iterator[Part]:
    """Play a whole episode.

    Args:
        acting: one policy.
        seed: of the simulator.
        steps: of a part; the first has five at most.

    Raises:
        SimulationError: the policy or the simulator has diverged.
    """
    simulator = acting.simulator()
    try:
        observation, _ = simulator.reset(seed=seed)
        body, env = body_of(simulator), simulator.unwrapped
        rate = float(simulator.metadata.get("render_fps") or DEFAULT_RATE)
        ground, stride = body is not None and not body.lies, max(round(rate / FRAME_RATE), 1)
        part, over, recording = Part(rate, ground, stride=stride), False, _Recording()
        wanted = min(steps, FIRST)
        while not over:
            action = acting.act(observation)
            result = simulator.step(action)
            recording.note(observation, action, result)
            observation, reward, terminated, truncated, info = result
            over = terminated or truncated
            if body is not None:
                part.shapes.append(body.shapes())
            if isinstance(env, MujocoEnv) and (len(recording) - 1) % stride == 0:
                part.states.append(env.data.qpos.copy())
            for name, value in _curves(action, reward, info).items():
                part.curves.setdefault(name, []).append(round(value, 4))
            if over or len(next(iter(part.curves.values()))) == wanted:
                part.ended, part.played = over, recording.played(observation) if over else None
                yield part
                part, wanted = Part(rate, ground, stride=stride), steps
    finally:
        simulator.close()


class _Recording(Recording):
    """Of one copy, by the actions that the environment was given."""

    def note(self, seen: Any, action: Any, result: tuple[Any, Any, bool, bool, dict[str, Any]]) -> None:
        """Add a step: what was seen, what was done, and what the environment returned."""
        observation, reward, terminated, truncated, info = result
        applied = np.array(action).reshape(1, -1)
        step = SimulatorStep(
            np.stack([observation]),  # a copy: simulators may write the next one into it
            np.array([reward], float),
            np.array([terminated]),
            np.array([truncated]),
            gathered([numbers(info)]),
        )
        self.add(np.stack([seen]), applied, applied, step, counted=np.ones(1, bool))

    def played(self, last: Any) -> Rollout:
        """All of it, without what the policy wanted before the environment's bounds: nobody here knows."""
        rollout = self.rollout(torch.zeros(1, len(self)), np.stack([last]))
        del rollout.steps["actions"]
        return rollout


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
