from __future__ import annotations

import json
from pathlib import Path

import pytest

from rsoup_lightning.run.soup import run_soup
from tests.run.recipes.test_recipe import resolved


def test_seeds_have_folders_of_their_own_and_one_front(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = resolved(tmp_path, "--soup.init_epochs", "0", "--trainer.max_epochs", "1", "--soup.grid", "3")
    record = run_soup(recipe, tmp_path / "run", [3, 4])
    assert json.loads((tmp_path / "run" / "front.json").read_text()) == record
    for folder in (tmp_path / "run", tmp_path / "run" / "seed-3", tmp_path / "run" / "seed-4"):
        assert (folder / "report.html").is_file()
    alone = run_soup(recipe, tmp_path / "alone", [3])
    first = json.loads((tmp_path / "run" / "seed-3" / "front.json").read_text())
    assert [point["scores"] for point in alone["points"]] == [point["scores"] for point in first["points"]]
