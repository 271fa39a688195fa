"""A run folder, and one that was picked, as soups that act."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from rsoup_lightning import load, merge, pick
from rsoup_lightning.errors import ConfigError, RunFolderError, UnknownNameError, WeightsError
from rsoup_lightning.merging import linear, read_weights
from rsoup_lightning.modalities.control import GaussianMLP
from tasks.locomotion.module import LocomotionFineTuner
from tests.conftest import PointFineTuner
from tests.running import POINT_RECIPE, rsoup

SEEN = np.random.default_rng(0).normal(size=(20, 17))


def expected(folder: Path, point: tuple[float, float] = (0.0, 1.0)) -> np.ndarray:
    """What the policy merged at λ does, clipped as HalfCheetah clips it."""
    policy = GaussianMLP(17, 6, hidden=(16,))
    policy.load_weights(linear([read_weights(folder / "experts" / name) for name in ("risky", "cautious")], point))
    return policy.player()(SEEN).clip(-1, 1)


def test_experts_act_as_alone_whatever_is_played_beside_them(run: Path) -> None:
    soup = load(run)
    assert soup.experts == soup.rewards == ("risky", "cautious") and soup.front is not None
    points = [(1.0, 0.0), (0.0, 1.0), (0.3, 0.7)]
    alone = [expected(run / "seed-3", point) for point in points]
    for point, actions in zip(points, alone, strict=True):
        assert np.array_equal(soup.at(dict(zip(soup.experts, point, strict=True))).act(SEEN), actions)
    mixed = soup.at([{"risky": risky, "cautious": cautious} for risky, cautious in points * 4]).act(SEEN[:12])
    assert np.array_equal(mixed, np.stack([alone[row % 3][row] for row in range(12)]))
    assert not np.array_equal(alone[0], alone[1])


def test_another_seed_and_a_pick_of_it(run: Path, tmp_path: Path) -> None:
    assert np.array_equal(load(run, seed=4).at(cautious=1).act(SEEN), expected(run / "seed-4"))
    with pytest.raises(ConfigError, match="no experts of seed 5: its seeds are 3, 4"):
        load(run, seed=5)
    chosen = pick(run, tmp_path / "picked", preference={"cautious": 1.0}, seed=4)
    picked = load(tmp_path / "picked")
    with pytest.raises(ConfigError, match="picked is one policy that was picked, of one seed: leave seed 4 out"):
        load(tmp_path / "picked", seed=4)
    assert picked.experts == ("picked",) and picked.rewards == ("risky", "cautious") and picked.front is None
    point = chosen.coefficients["risky"], chosen.coefficients["cautious"]
    assert np.array_equal(picked.at().act(SEEN), expected(run / "seed-4", point))
    (tmp_path / "picked" / "pick.json").write_text("[]")
    with pytest.raises(RunFolderError, match=r"pick\.json has no preference: pick again"):
        load(tmp_path / "picked")


def test_what_cannot_be_played(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="nothing is not a run"):
        load(tmp_path / "nothing")
    merge([run / "seed-3" / "experts" / name for name in ("risky", "cautious")], tmp_path / "merged", [0.5, 0.5])
    with pytest.raises(RunFolderError, match=r"merged holds weights, .*: give the folder of a run, or one that rsoup"):
        load(tmp_path / "merged")
    (tmp_path / "merged" / "adapter_config.json").write_text("{}")
    with pytest.raises(RunFolderError, match=r"rsoup serve --base MODEL --experts NAME=.*merged$"):
        load(tmp_path / "merged")
    shutil.copytree(run, tmp_path / "run")
    file = tmp_path / "run" / "seed-3" / "experts" / "risky" / "policy.safetensors"
    file.write_bytes(file.read_bytes()[:99])
    with pytest.raises(WeightsError, match=r"risky/policy\.safetensors is not a whole safetensors file"):
        load(tmp_path / "run")
    file.unlink()
    with pytest.raises(WeightsError, match=r"no weights at .*risky"):
        load(tmp_path / "run")
    (tmp_path / "run" / "seed-3" / "config.yaml").write_text("task: locomotion\nmodel: {hiden: [16]}\n")
    with pytest.raises(ConfigError, match="hiden"):
        load(tmp_path / "run")
    with pytest.raises(UnknownNameError, match="unknown expert 'cautios': did you mean 'cautious'"):
        load(run).at(cautios=1.0)


def test_a_task_without_player_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    rsoup("soup", "-c", "point.yaml", "--run_dir", "run", cwd=tmp_path)
    for soup in (load(tmp_path / "run"), load(tmp_path / "run", make=PointFineTuner)):
        with pytest.raises(ConfigError, match=r"Plane has no player: define player\(rows\)"):
            soup.at(east=1.0)
    assert json.loads((tmp_path / "run" / "front.json").read_text())["experts"] == list(soup.experts)


def test_a_run_of_ones_own_objects_is_built_by_what_its_recipe_names(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "seed-3", tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text("task: tests.playing.test_load:cheetah\n")
    assert np.array_equal(load(tmp_path / "run").at(cautious=1).act(SEEN), expected(run / "seed-3"))


def cheetah() -> LocomotionFineTuner:
    return LocomotionFineTuner(hidden=[16], num_envs=1)


def test_a_models_rewards_are_not_built_and_its_guards_name_none(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "seed-3", tmp_path / "run")
    file = tmp_path / "run" / "config.yaml"
    config, costly = file.read_text(), {"class_path": "tests.playing.test_load.Costly"}
    guards = "  guards: {risky: {at_least: 0.8 of init}}\n"
    assert "  rewards: null\n" in config and "  guards: null\n" in config
    config = config.replace("  rewards: null\n", f"  rewards: {json.dumps({'risky': costly})}\n")
    file.write_text(config.replace("  guards: null\n", guards))
    assert torch.equal(
        torch.from_numpy(load(tmp_path / "run").at(cautious=1).act(SEEN)), torch.tensor(expected(run / "seed-3"))
    )


class Costly:
    def __init__(self) -> None:
        raise AssertionError("built")
