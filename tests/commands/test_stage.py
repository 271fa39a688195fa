"""``rsoup stage`` as somebody calls it by hand, to spread a run over machines of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rsoup_lightning.__main__ import main
from rsoup_lightning.run.soup import run_soup
from tests.run.recipes.test_recipe import resolved


def test_a_run_is_listed_and_computed_by_stages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = resolved(tmp_path, "--soup.init_epochs", "0", "--trainer.max_epochs", "1", "--soup.grid", "3")
    run_soup(recipe, tmp_path / "run", [3])
    (tmp_path / "run" / "stages" / "experts" / "north.json").unlink()
    (tmp_path / "run" / "front.json").unlink()
    capsys.readouterr()
    assert main(["stage", str(tmp_path / "run")]) == 0
    listed = dict(reversed(line.rsplit(maxsplit=1)) for line in capsys.readouterr().out.splitlines())
    assert listed["experts/east"] == "finished" and listed["experts/north"] == listed["sweep/001"] == "not yet"
    for name in (name for name, state in listed.items() if state == "not yet" and name != "front"):
        assert main(["stage", str(tmp_path / "run"), name]) == 0
    capsys.readouterr()
    main(["stage", str(tmp_path / "run")])
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines() if "not yet" in line] == ["front"]
    assert run_soup(recipe, tmp_path / "run", [3])["points"]


def test_cores_that_are_not_there(refused: Callable[..., str]) -> None:
    assert "cores -1: no process can be tied to these here" in refused("stage", "nowhere", "init", "--cores", "-1")
    assert "cores 5000: no process can" in refused("stage", "nowhere", "init", "--cores", "5000")


def test_no_run(refused: Callable[..., str]) -> None:
    assert "nowhere is no run" in refused("stage", "nowhere", "init")
