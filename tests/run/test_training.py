"""Trainings of a run: a new init makes what was measured of the old one, and what began at it, invalid."""

from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.soup import run_soup
from rsoup_lightning.run.worker import Worker
from tests.run.recipes.test_recipe import resolved


@pytest.fixture
def run(tmp_path: Path) -> Path:
    options = ("--soup.init_epochs", "1", "--trainer.max_epochs", "1", "--soup.grid", "3", "--soup.normalise", "2")
    run_soup(resolved(tmp_path, *options), tmp_path / "run", [3])
    return tmp_path / "run"


def test_an_init_that_is_trained_anew_is_measured_anew(run: Path) -> None:
    experiment = Worker(run, RunProgress("", 0)).experiment(run)
    measured = (run / "init" / "normalisation.json").read_bytes()
    assert experiment.folder.is_recorded("normalisation")
    experiment.folder.forget("init")
    experiment.compute("init")
    assert not experiment.folder.is_recorded("normalisation")
    experiment.compute("normalisation")
    assert (run / "init" / "normalisation.json").read_bytes() == measured


def test_statistics_that_are_damaged_are_named(run: Path) -> None:
    experiment = Worker(run, RunProgress("", 0)).experiment(run)
    (run / "init" / "normalisation.json").write_text('{"east": [1]}')
    experiment.folder.forget("experts/east")
    with pytest.raises(RunFolderError, match=r"normalisation\.json holds no mean and standard deviation.* delete it"):
        experiment.compute("experts/east")
