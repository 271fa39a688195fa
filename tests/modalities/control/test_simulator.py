"""What holds for whoever steps the copies."""

from __future__ import annotations

import numpy as np
import pytest

from rsoup_lightning.modalities.control.simulator import Simulator, SimulatorStep
from rsoup_lightning.modalities.control.simulators import Backend, make_simulator


def _episode(simulator: Simulator, steps: int) -> list[SimulatorStep]:
    simulator.reset()
    return [simulator.step(np.zeros((2, 3), dtype=np.float32)) for _ in range(steps)]


@pytest.mark.parametrize("backend", ["gymnasium", "envpool"])
def test_an_ended_episode_is_reset_by_the_next_step(backend: Backend) -> None:
    """A hopper that does nothing tips over by 0.2 rad; the step after that starts anew, upright."""
    steps = _episode(make_simulator("Hopper-v5", [0, 1], backend, {}), 200)
    ends = [index for index, step in enumerate(steps) if step.terminated[0]]
    assert ends
    assert abs(steps[ends[0]].observations[0, 1]) > 0.2
    assert abs(steps[ends[0] + 1].observations[0, 1]) < 0.01
    assert not steps[ends[0] + 1].terminated[0]


def test_reward_vectors() -> None:
    simulator = make_simulator("mo-hopper-v5", [0, 1], "auto", {})
    assert _episode(simulator, 2)[-1].rewards.shape == (2, 3)
    simulator.close()
