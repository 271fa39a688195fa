from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.errors import SimulationError, UnknownNameError
from rsoup_lightning.modalities.control import single
from rsoup_lightning.modalities.control.single import first_step, make_single
from rsoup_lightning.modalities.control.spaces import actions_of

OWN = "tests.modalities.control.own"


def test_unknown_environment_suggests() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'HalfCheetah-v5'"):
        make_single("HalfCheeta-v5", {})
    with pytest.raises(UnknownNameError, match="did you mean 'Anything-v0'"):
        make_single(f"{OWN}:Anythin-v0", {})


def test_options_the_environment_refuses() -> None:
    with pytest.raises(SimulationError, match=r"cannot make environment .HalfCheetah-v5. with .*gravity"):
        make_single("HalfCheetah-v5", {"gravity": 3})
    with pytest.raises(SimulationError, match=r"cannot make environment .FrozenLake-v1. with .*nowhere"):
        make_single("FrozenLake-v1", {"map_name": "nowhere"})


def test_modules_that_register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_single(f"{OWN}:Anything-v0", {}).spec.id == "Anything-v0"
    with pytest.raises(SimulationError, match=r"environment 'no_such\.module:Mine-v0': .* on PYTHONPATH"):
        make_single("no_such.module:Mine-v0", {})
    (tmp_path / "broken_envs.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SimulationError, match=r"'broken_envs:Mine-v0': No module named 'no_such_package'$"):
        make_single("broken_envs:Mine-v0", {})


def test_without_mo_gymnasium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "find_spec", lambda name: None)
    with pytest.raises(SimulationError, match=r"unknown environment 'mo-mine-v0'.*rsoup_lightning\[mo\]"):
        make_single("mo-mine-v0", {})


def test_one_step_shows_rewards_and_signals() -> None:
    env = make_single(f"{OWN}:Anything-v0", {"reward": "list"})
    seen = first_step(env, actions_of(env))
    assert seen.reward_size == 2
    assert seen.signals == {"steps", "info.id", "costs.power", "costs.parts"}
    env = make_single("HalfCheetah-v5", {})
    assert first_step(env, actions_of(env)).reward_size is None
    env = make_single(f"{OWN}:Anything-v0", {"reward": "table"})
    with pytest.raises(SimulationError, match=r"'Anything-v0' gives a reward of shape \(2, 1\)"):
        first_step(env, actions_of(env))
