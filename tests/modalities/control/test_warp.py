"""MuJoCo Warp against Gymnasium, which steps the same bodies by MuJoCo itself. Here Warp computes on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.envs.mujoco import mujoco_env

from rsoup_lightning.errors import SimulationError
from rsoup_lightning.modalities.control import warp
from rsoup_lightning.modalities.control.simulator import Simulator, SimulatorStep
from rsoup_lightning.modalities.control.simulators import choose_backend, make_simulator
from rsoup_lightning.modalities.control.single import make_single
from tests.conftest import quiet_trainer

SEEDS = [3, 4, 3]
HALF_CHEETAH = Path(mujoco_env.__file__).parent / "assets" / "half_cheetah.xml"


def played(simulator: Simulator, actions: np.ndarray) -> tuple[np.ndarray, list[SimulatorStep]]:
    """The first observations, and a step for each of ``actions [T, N, A]``."""
    first = simulator.reset()
    steps = [simulator.step(each) for each in actions]
    simulator.close()
    return first, steps


def both(env_id: str, actions: np.ndarray, **options: Any) -> list[tuple[np.ndarray, list[SimulatorStep]]]:
    return [played(make_simulator(env_id, SEEDS, name, options), actions) for name in ("warp", "gymnasium")]


def test_a_cheetah_runs_as_gymnasium_s_does() -> None:
    actions = np.random.default_rng(0).uniform(-1, 1, (10, 3, 6)).astype(np.float32)
    (first, mine), (expected, theirs) = both("HalfCheetah-v5", actions, forward_reward_weight=2.0)
    assert np.array_equal(first, expected)
    for own, step in zip(mine, theirs, strict=True):
        assert np.allclose(own.observations, step.observations, atol=1e-3)
        assert np.allclose(own.rewards, step.rewards, atol=1e-3)
        assert own.info.keys() == step.info.keys()
        assert all(np.allclose(own.info[key], step.info[key], atol=1e-3) for key in step.info)
        assert not own.terminated.any() and not own.truncated.any()


def test_a_walker_walks_as_gymnasium_s_does() -> None:
    actions = np.random.default_rng(0).uniform(-1, 1, (6, 3, 6)).astype(np.float32)
    (_, mine), (_, theirs) = both("Walker2d-v5", actions)
    for own, step in zip(mine, theirs, strict=True):
        assert np.allclose(own.observations, step.observations, atol=1e-3)
        assert np.allclose(own.rewards, step.rewards, atol=1e-3)


def test_episodes_end_and_begin_as_gymnasium_s_do() -> None:
    """Some hoppers lean too far before the 15 steps are over, others are stopped then; both begin anew."""
    actions = np.full((40, 3, 3), 1.0, dtype=np.float32)
    actions[:, 1] = 0.0
    (_, mine), (_, theirs) = both("Hopper-v5", actions, max_episode_steps=15, healthy_angle_range=(-0.02, 0.02))
    for name in ("terminated", "truncated"):
        own, expected = (np.stack([getattr(step, name) for step in steps]) for steps in (mine, theirs))
        assert np.array_equal(own, expected), name
    assert any(step.terminated.any() for step in mine) and any(step.truncated.any() for step in mine)
    for before, own, step in zip(mine, mine[1:], theirs[1:], strict=False):
        begun = before.terminated | before.truncated
        # by the generator's next numbers, in single precision
        assert np.allclose(own.observations[begun], step.observations[begun], rtol=1e-6)
        assert not own.rewards[begun].any()
        assert np.allclose(own.observations[~begun], step.observations[~begun], atol=1e-3)
        assert np.allclose(own.rewards, step.rewards, atol=1e-3)
        assert own.info.keys() == {*step.info} or begun.all()
        assert all(np.allclose(own.info[key], step.info[key], atol=1e-3) for key in step.info)


def test_a_policy_trains_on_it() -> None:
    from tasks.locomotion.module import LocomotionFineTuner

    module = LocomotionFineTuner("HalfCheetah-v5", backend="warp", num_envs=3, horizon=8, rollouts_per_epoch=1)
    quiet_trainer(max_epochs=1).fit(module)
    assert int(module.steps_taken) == 3 * 8


def test_what_it_does_not_play_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    single = make_single("Reacher-v5", {})
    with pytest.raises(SimulationError, match=r"does not play 'Reacher-v5': it plays version 5 of HalfCheetah, Hopper"):
        choose_backend(single, "Reacher-v5", "warp", {})
    with pytest.raises(SimulationError, match="does not play 'Humanoid-v5'"):  # whose solver Warp does not have
        choose_backend(make_single("Humanoid-v5", {}), "Humanoid-v5", "warp", {})
    text = HALF_CHEETAH.read_text().replace("<option", '<option solver="PGS"')
    (tmp_path / "cheetah.xml").write_text(text)
    with pytest.raises(SimulationError, match=r"does not play 'HalfCheetah-v5' with .*PGS is unsupported"):
        make_simulator("HalfCheetah-v5", SEEDS, "warp", {"xml_file": str(tmp_path / "cheetah.xml")})
    monkeypatch.setattr(warp, "find_spec", lambda name: None)
    with pytest.raises(SimulationError, match=r"rsoup_lightning\[warp\]"):
        choose_backend(single, "Reacher-v5", "warp", {})
