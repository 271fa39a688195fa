from __future__ import annotations

import numpy as np
import pytest

from rsoup_lightning.errors import SimulationError, UnknownNameError
from rsoup_lightning.modalities.control import simulators
from rsoup_lightning.modalities.control.simulators import choose_backend, make_simulator
from rsoup_lightning.modalities.control.single import make_single

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


def test_backends_report_the_same_physics() -> None:
    """From nearly equal starts, one step of full torque moves both alike."""
    velocity = {}
    for backend in BACKENDS:
        simulator = make_simulator("HalfCheetah-v5", range(64), backend, {"reset_noise_scale": 1e-6})
        simulator.reset()
        for _ in range(10):
            step = simulator.step(np.tile(np.float32([1, -1, 1, -1, 1, -1]), (64, 1)))
        velocity[backend] = step.info["x_velocity"].mean()
    assert velocity["gymnasium"] == pytest.approx(velocity["envpool"], rel=0.02)


def _chosen(env_id: str, backend: simulators.Backend = "auto", **options: object) -> str:
    return choose_backend(make_single(env_id, options), env_id, backend, options)


def test_envpool_where_it_plays_the_same() -> None:
    assert _chosen("HalfCheetah-v5") == "envpool"
    assert _chosen("HalfCheetah-v5", "gymnasium") == "gymnasium"
    assert _chosen("mo-hopper-v5") == "gymnasium"
    with pytest.raises(UnknownNameError, match="envpool environment"):
        _chosen("mo-hopper-v5", "envpool")


@pytest.mark.parametrize("env_id", ["FrozenLake-v1", "Blackjack-v1"])
def test_envpool_does_not_flatten(env_id: str) -> None:
    assert _chosen(env_id) == "gymnasium"
    assert type(make_simulator(env_id, [0], "auto", {})).__name__ == "GymnasiumSimulator"
    with pytest.raises(SimulationError, match=f"envpool does not give the observations .* of '{env_id}'"):
        _chosen(env_id, "envpool")


def test_envpool_lacks_an_option() -> None:
    assert _chosen("HalfCheetah-v5", frame_skip=3) == "envpool"
    assert _chosen("HalfCheetah-v5", default_camera_config={}) == "gymnasium"
    with pytest.raises(SimulationError, match=r"envpool cannot make 'HalfCheetah-v5' with {'default_camera_config'"):
        _chosen("HalfCheetah-v5", "envpool", default_camera_config={})


def test_without_envpool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulators, "find_spec", lambda name: None)
    assert _chosen("HalfCheetah-v5") == "gymnasium"
    with pytest.raises(SimulationError, match=r"rsoup_lightning\[fast\]"):
        _chosen("HalfCheetah-v5", "envpool")


def test_backends_play_choices_alike() -> None:
    """A cart pushed to the right all the time falls after about the same number of steps in both."""
    lengths = {}
    for backend in BACKENDS:
        simulator = make_simulator("CartPole-v1", range(32), backend, {})
        simulator.reset()
        falls = [simulator.step(np.ones(32, dtype=np.int64)).terminated for _ in range(12)]
        lengths[backend] = np.argmax(falls, axis=0).mean()
    assert lengths["gymnasium"] == pytest.approx(lengths["envpool"], abs=0.5)


def test_what_info_reports() -> None:
    simulator = make_simulator("tests.modalities.control.own:Anything-v0", [0, 1], "auto", {})
    simulator.reset()
    steps = [simulator.step(np.zeros((2, 2), dtype=np.float32)) for _ in range(5)]
    assert set(steps[0].info) == {"steps", "id", "costs.power", "costs.parts"}
    assert steps[0].info["costs.parts"].tolist() == [[1, 2], [1, 2]]
    assert [step.info["steps"].tolist() for step in steps[:4]] == [[1, 1], [2, 2], [3, 3], [4, 4]]
    assert steps[3].info["won"].tolist() == [1, 1]
    assert steps[4].info == {}, "a step that only resets"


def test_reward_vectors_of_ones_own() -> None:
    simulator = make_simulator("tests.modalities.control.own:Anything-v0", [0, 1], "auto", {"reward": "list"})
    simulator.reset()
    rewards = [simulator.step(np.zeros((2, 2), dtype=np.float32)).rewards.tolist() for _ in range(5)]
    assert rewards == [[[1.0, -2.0]] * 2] * 4 + [[[0.0, 0.0]] * 2]
