"""Trainings of a run: a new init makes what was measured of the old one, and what began at it, invalid."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import pytest
import torch

from rsoup_lightning.errors import RunFolderError, StageError
from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.soup import run_soup
from rsoup_lightning.run.worker import Worker
from tests.conftest import PointFineTuner
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


class Diverges(L.Callback):
    """As the last update of a training may."""

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, PointFineTuner)
        pl_module.policy.place.data.fill_(torch.nan)


def test_a_training_that_ends_in_nan_is_no_expert(tmp_path: Path) -> None:
    callback = "[{class_path: tests.run.test_training.Diverges}]"
    options = (
        "--soup.init_epochs",
        "0",
        "--trainer.max_epochs",
        "1",
        "--soup.grid",
        "3",
        "--trainer.callbacks",
        callback,
    )
    with pytest.raises(StageError, match="experts/east ends with weights that are NaN: it has diverged, lower the"):
        run_soup(resolved(tmp_path, *options), tmp_path / "run", [3])
    assert not (tmp_path / "run/stages/experts/east.json").exists()
