"""A run whose stages were made of other weights than lie there now is refused, before anything else is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.files import read_json, sha256
from rsoup_lightning.merging.disk.io import FILE_NAME
from rsoup_lightning.run.soup import run_soup
from rsoup_lightning.run.sweep import RunSweep
from tests.run.recipes.test_recipe import resolved
from tests.running import WITHOUT_MORL


@pytest.mark.parametrize(
    ("changed", "to", "made"),
    [
        ("rounds/0/east", "rounds/0/north", "rounds/0/start"),
        ("rounds/0/start", "rounds/0/north", "experts/east"),
        ("init", "rounds/0/north", "rounds/0/east"),
    ],
)
def test_a_source_that_has_changed_is_noticed_at_once(changed: str, to: str, made: str, tmp_path: Path) -> None:
    settings = ("--soup.init_epochs", "0", "--trainer.max_epochs", "2", "--soup.grid", "3")
    recipe, run = resolved(tmp_path, *settings, "--soup.method", "IteratedSoup", *WITHOUT_MORL), tmp_path / "run"
    run_soup(recipe, run, [3])
    recorded = read_json(run / "stages" / "rounds/0/start.json", "")
    assert recorded["sources"] == {name: sha256(run / name / FILE_NAME) for name in ("rounds/0/east", "rounds/0/north")}
    assert recorded["lost"] == 0
    (run / "front.json").unlink()
    unfinished = run / "stages/experts/north.json"
    unfinished.unlink()
    shutil.copy(run / to / FILE_NAME, run / changed / FILE_NAME)
    with pytest.raises(RunFolderError, match=rf"{made} did not begin at .*{changed}: delete both"):
        run_soup(recipe, run, [3])
    assert not unfinished.exists()


def test_weights_that_are_made_anew_are_evaluated_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ("--soup.init_epochs", "0", "--trainer.max_epochs", "2", "--soup.grid", "3")
    recipe, run = resolved(tmp_path, *settings, "--soup.method", "IteratedSoup", *WITHOUT_MORL), tmp_path / "run"
    run_soup(recipe, run, [3])
    before, played = (run / "front.json").read_bytes(), list[str]()
    (run / "stages/rounds/0/start.json").unlink()
    play = RunSweep.play
    monkeypatch.setattr(RunSweep, "play", lambda self, block: (played.append(block), play(self, block)))
    run_soup(recipe, run, [3])
    assert played and (run / "front.json").read_bytes() == before
