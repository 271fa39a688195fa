from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from rsoup_lightning.__main__ import main
from rsoup_lightning.commands.recipe_command import read_line
from rsoup_lightning.run.recipes.recipe_parser import fine_tuner_class, recipe_parser
from tests.running import POINT_RECIPE

RECIPE: dict[str, Any] = {
    "task": "tests.conftest:PointFineTuner",
    "model": {
        "algorithm": {"class_path": "RLOO", "init_args": {"completions": 4}},
        "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.02}},
    },
    "trainer": {"accelerator": "cpu", "max_epochs": 1},
    "soup": {"grid": 3},
}


@pytest.mark.parametrize("command", ["soup", "fit"])
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model", None, "model of the recipe r.yaml is empty"),
        ("soup", None, "soup of the recipe r.yaml is empty"),
        ("trainer", None, "trainer of the recipe r.yaml is empty"),
        ("model.max_grad_norm", None, "model.max_grad_norm: expected float. It is empty: give it a value, or leave it"),
        ("model.kl", {"coefficient": None}, "coefficient: expected float. It is empty"),
        ("model.kl", {"coefficient": -1}, "a KL penalty needs coefficient >= 0"),
        ("model.optimizer", None, "model.optimizer: "),
        ("model.optimizer.init_args.lr", None, "lr: expected float; Not a valid subclass of Tensor; It is empty"),
        ("model.optimizer.init_args.lr", "high", "lr: expected float"),
        ("model.algorithm.init_args.completions", None, "completions: expected int. It is empty"),
        ("model.algorithm.init_args.completions", "four", "completions: expected int, got four"),
        ("model.algorithm.init_args.completion", 4, "unknown key 'completion': did you mean 'completions'"),
        ("model.algorithm.class_path", "RLO", "unknown class 'RLO': did you mean 'RLOO'?"),
        ("model.algorithm.class_path", "torch.optim.Adam", "SCST, not torch.optim.Adam"),
        ("soup.grid", None, "soup.grid: expected int. It is empty"),
        ("soup.grid", "many", "soup.grid: expected int, got many"),
        ("soup.gird", 3, "unknown key of soup 'gird': did you mean 'grid'"),
        ("sopu", {"grid": 3}, "unknown key 'sopu': did you mean 'soup'"),
        ("soup.morl", 3, "soup.morl: expected list"),
        ("trainer.accelerator", "cpuu", "invalid accelerator name"),
        ("trainer.strategy", "dpp", "invalid strategy name"),
        ("trainer.max_epochs", None, "max_epochs"),
        ("task", ["a"], "task must be a name, not ['a']"),
        ("task", 3, "task must be a name, not 3"),
        ("task", "tests.conftest:PointPolicy", "not a RewardFineTuner"),
        ("task", "tests.conftest:ROOT", "not a RewardFineTuner"),
        ("task", "tests.conftest:Pint", "unknown name in tests.conftest 'Pint': did you mean 'point'"),
        ("seed_everything", -1, "the seed is -1"),
        ("seed_everything", None, "the seed is None"),
        ("seed_everything", "abc", "expected int"),
    ],
)
def test_a_wrong_value_is_named_in_a_line(
    command: str, key: str, value: object, message: str, refused: Callable[..., str]
) -> None:
    recipe = deepcopy(RECIPE)
    *path, last = key.split(".")
    section = recipe
    for name in path:
        section = section[name]
    section[last] = value
    assert message in refused(command, recipe=recipe)


@pytest.mark.parametrize("command", ["soup", "fit"])
def test_a_key_given_twice_is_refused(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(POINT_RECIPE + "trainer: {max_epochs: 7}\n")
    assert main([command, "-c", "r.yaml"]) == 2
    assert "the recipe r.yaml gives 'trainer' twice, again in line 11" in capsys.readouterr().err
    Path("r.yaml").write_text(POINT_RECIPE)
    assert main([command, "-c", "r.yaml", "--model.preference", "{east: 1.0, east: 0.5}"]) == 2
    assert "--model.preference gives 'east' twice" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["soup", "fit"])
def test_a_recipe_is_read_once(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a pipe, which has nothing for a second reader."""
    monkeypatch.chdir(tmp_path)
    out, into = os.pipe()
    os.write(into, POINT_RECIPE.encode())
    os.close(into)
    assert main([command, f"--config=/dev/fd/{out}", "--trainer.max_epochs", "1", "--trainer.logger", "false"]) == 0
    os.close(out)


def test_the_last_recipe_names_the_task_unless_the_line_does(tmp_path: Path) -> None:
    for name in ("first", "last"):
        (tmp_path / f"{name}.yaml").write_text(f"task: {name}\n")
    (tmp_path / "none.yaml").write_text("soup: {grid: 3}\n")
    files = [str(tmp_path / f"{name}.yaml") for name in ("first", "last", "none")]
    several = ["-c", files[0], f"--config={files[1]}", "-c", files[2]]
    line = read_line([*several, "--model.seed", "1"])
    assert line.task == "last" and list(line.recipes) == files
    assert line.arguments == ["-c", files[0], "--config", files[1], "-c", files[2], "--model.seed", "1"]
    assert read_line(["--task=mine", *several]).task == "mine"


def test_files_that_a_recipe_names_for_its_sections_lie_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "r.yaml").write_text(yaml.safe_dump({**RECIPE, "soup": "part.yaml"}))
    (tmp_path / "mine" / "part.yaml").write_text("grid: 4\n")
    monkeypatch.chdir(tmp_path)
    line = read_line(["-c", "mine/r.yaml"])
    assert recipe_parser(fine_tuner_class(line.task), line.recipes).parse_args(line.arguments).soup.grid == 4
    assert Path.cwd() == tmp_path
