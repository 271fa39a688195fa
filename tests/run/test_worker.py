"""Stages computed from the run folder alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.errors import RunFolderError, StageError, UnknownNameError
from rsoup_lightning.merging import read_weights
from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.folders.folder import RunFolder
from rsoup_lightning.run.launchers.launcher import Ended
from rsoup_lightning.run.soup import run_soup
from rsoup_lightning.run.worker import Worker
from tests.run.recipes.test_recipe import resolved


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two seeds."""
    folder = tmp_path_factory.mktemp("worker")
    recipe = resolved(folder, "--soup.init_epochs", "0", "--trainer.max_epochs", "1", "--soup.grid", "3")
    run_soup(recipe, folder / "run", [3, 4])
    return folder / "run"


def test_a_stage_of_either_seed_is_what_it_was(run: Path) -> None:
    worker = Worker(run, RunProgress("", 0))
    for seed in (4, 3, 4):
        folder = run / f"seed-{seed}"
        before = read_weights(folder / "experts/north")
        RunFolder(folder).forget("experts/north")
        worker.compute(f"seed-{seed}/experts/north")
        assert RunFolder(folder).is_done("experts/north")
        assert all(before[name].equal(tensor) for name, tensor in read_weights(folder / "experts/north").items())


def test_what_is_finished_ends_at_once(run: Path) -> None:
    file = run / "seed-3" / "experts" / "east" / "policy.safetensors"
    before = file.stat().st_mtime_ns
    assert Worker(run, RunProgress("", 0)).attempt("seed-3/experts/east") == Ended("seed-3/experts/east")
    assert file.stat().st_mtime_ns == before


def test_errors_name_the_culprit(run: Path, tmp_path: Path) -> None:
    worker = Worker(run, RunProgress("", 0))
    assert "did you mean 'experts/north'" in worker.attempt("seed-3/experts/nort").error
    with pytest.raises(UnknownNameError, match="unknown stage 'front'"):
        worker.compute("seed-3/front")
    with pytest.raises(RunFolderError, match="is no run: give the folder of one that rsoup soup has begun"):
        Worker(tmp_path, RunProgress("", 0)).compute("init")


def test_what_must_come_before_a_stage_is_named(run: Path) -> None:
    folder = RunFolder(run / "seed-3")
    folder.forget("front")
    folder.forget("experts/east")
    worker = Worker(run, RunProgress("", 0))
    with pytest.raises(StageError, match=r"^sweep/000 needs stages that are not finished: compute experts/east before"):
        worker.compute("seed-3/sweep/000")
    worker.compute("seed-3/experts/east")
    worker.compute("seed-3/sweep/000")
    block = run / "seed-3" / "sweep" / "000.safetensors"
    before = block.stat().st_mtime_ns
    worker.compute("seed-3/sweep/000")
    assert block.stat().st_mtime_ns == before
    folder.record_of("experts/east").unlink()  # what was played with it counts no longer
    assert "sweep/000" not in folder.finished(worker.experiment(run / "seed-3").graph)
    worker.compute("seed-3/experts/east")


def test_a_stage_that_somebody_computes_is_left_to_them(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rsoup_lightning.run.folders.folder.PATIENCE", 0.0)
    with RunFolder(run / "seed-3").only_worker("experts/east"):
        assert "is in use by process" in Worker(run, RunProgress("", 0)).attempt("seed-3/experts/east").error


def test_an_error_of_other_code_is_told_and_ends_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    worker = Worker(run, RunProgress("", 0))
    experiment = worker.experiment(run / "seed-3")
    experiment.folder.forget("front")
    experiment.sweep.play = lambda block: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    assert worker.attempt("seed-3/sweep/000") == Ended("seed-3/sweep/000", "ZeroDivisionError: division by zero")
    assert "Traceback" in capsys.readouterr().err


def test_what_stages_need_is_built_ahead_where_it_is_known(run: Path) -> None:
    alone = Worker(run / "seed-3", RunProgress("", 0))
    alone.warm_up()
    built = alone._current
    assert built is not None and alone.experiment(run / "seed-3") is built[1]
    of_several, of_none = Worker(run, RunProgress("", 0)), Worker(run / "nowhere", RunProgress("", 0))
    for worker in (of_several, of_none):
        worker.warm_up()
        assert worker._current is None
