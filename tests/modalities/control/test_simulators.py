from __future__ import annotations

import numpy as np
import pytest

from rsoup_lightning.errors import SimulationError, UnknownNameError
from rsoup_lightning.modalities.control import simulators
from rsoup_lightning.modalities.control.simulators import Simulator, make_simulator, make_single

BACKENDS = ("gymnasium", "envpool")


@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_seeds_give_equal_episodes(backend: simulators.Backend) -> None:
    simulator = make_simulator("HalfCheetah-v5", [3, 4, 3], backend, {})
    observations = simulator.reset()
    for _ in range(5):
        step = simulator.step(np.full((3, 6), 0.3, dtype=np.float32))
        observations = step.observations
    assert np.array_equal(observations[0], observations[2])
    assert not np.array_equal(observations[0], observations[1])
    simulator.close()


def _episode(simulator: Simulator, steps: int) -> list[simulators.SimulatorStep]:
    simulator.reset()
    return [simulator.step(np.zeros((2, 3), dtype=np.float32)) for _ in range(steps)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_ended_episode_is_reset_by_the_next_step(backend: simulators.Backend) -> None:
    """A hopper that does nothing tips over by 0.2 rad; the step after that starts anew, upright."""
    steps = _episode(make_simulator("Hopper-v5", [0, 1], backend, {}), 200)
    ends = [index for index, step in enumerate(steps) if step.terminated[0]]
    assert ends
    assert abs(steps[ends[0]].observations[0, 1]) > 0.2
    assert abs(steps[ends[0] + 1].observations[0, 1]) < 0.01
    assert not steps[ends[0] + 1].terminated[0]


def test_backends_report_the_same_physics() -> None:
    """From nearly equal starts, one step of full torque moves both alike."""
    velocity = {}
    for backend in BACKENDS:
        simulator = make_simulator("HalfCheetah-v5", range(64), backend, {"reset_noise_scale": 1e-6})
        simulator.reset()
        for _ in range(10):
            step = simulator.step(np.tile(np.float32([1, -1, 1, -1, 1, -1]), (64, 1)))
        assert step.velocity is not None
        velocity[backend] = step.velocity.mean()
    assert velocity["gymnasium"] == pytest.approx(velocity["envpool"], rel=0.02)


def test_reward_vectors() -> None:
    simulator = make_simulator("mo-hopper-v5", [0, 1], "auto", {})
    assert _episode(simulator, 2)[-1].rewards.shape == (2, 3)
    simulator.close()


def test_unknown_environment_suggests() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'HalfCheetah-v5'"):
        make_single("HalfCheeta-v5", {})


def test_options_the_environment_refuses() -> None:
    with pytest.raises(SimulationError, match=r"cannot make environment .HalfCheetah-v5. with .*gravity"):
        make_single("HalfCheetah-v5", {"gravity": 3})


def test_absent_packages_say_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulators, "find_spec", lambda name: None)
    with pytest.raises(SimulationError, match=r"rsoup_lightning\[fast\]"):
        make_simulator("HalfCheetah-v5", [0], "envpool", {})
    with pytest.raises(SimulationError, match=r"rsoup_lightning\[mo\]"):
        make_single("mo-hopper-v5", {})
    assert type(make_simulator("HalfCheetah-v5", [0], "auto", {})).__name__ == "GymnasiumSimulator"


def test_envpool_without_this_environment() -> None:
    with pytest.raises(UnknownNameError, match="envpool environment"):
        make_simulator("mo-hopper-v5", [0], "envpool", {})
