"""Every stage logs under its own name, and a run that was killed logs what an uninterrupted one does."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
from importlib import import_module
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from jsonargparse import Namespace
from lightning.pytorch.loggers import CSVLogger

from rsoup_lightning.__main__ import main
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.run.trainer.logs import Place
from tests.conftest import PointFineTuner, quiet_trainer
from tests.running import POINT_RECIPE, front

STAGES = ("init", "experts/risky", "experts/cautious", "baselines/morl/0")
CHEETAH = """
task: locomotion
model: {hidden: [8], num_envs: 2, horizon: 10, rollouts_per_epoch: 5, eval_episodes: 2, eval_batch_size: 2,
        env_options: {max_episode_steps: 20}}
trainer:
  accelerator: cpu
  max_epochs: 3
  log_every_n_steps: 2
  limit_val_batches: 1.0
  enable_checkpointing: true
  callbacks: [{class_path: tests.run.trainer.test_logs.Killed}, {class_path: LearningRateMonitor}]
  logger: [LOGGER]
soup: {experts: [risky, cautious], init_preference: {default: 1.0}, init_epochs: 2, grid: 3, films: false,
       morl: [{risky: 0.5, cautious: 0.5}]}
"""
MOMENTS = {
    "on_train_start": 1,  # nothing is logged
    "on_train_batch_end": 3,  # before there is a checkpoint
    "on_train_epoch_end": 3,  # the epoch's own row is not yet logged
    "on_train_epoch_start": 4,  # but for it, nothing of the next epoch is
    "on_validation_end": 5,
    "on_train_end": 1,
}
"""Hooks, and at which of their calls in a process it is killed. All but the first fall into later stages."""


class Killed(L.Callback):
    """Kills its process at the moment that the environment names, and logs at the end of each epoch."""

    calls = 0

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        pl_module.log("own", float(trainer.current_epoch))

    def __getattribute__(self, name: str) -> Any:
        moment, _, number = os.environ.get("KILLED_AT", "").partition("=")
        if name == moment:
            Killed.calls += 1
            if Killed.calls == int(number):
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__getattribute__(name)


def soup(folder: str, killed_at: str = "") -> int:
    """Exit status of a run, in a process of its own, which finds imported what takes long to import."""
    for module in ("tasks.locomotion.module", "rsoup_lightning.report.figures", "rsoup_lightning.report.picture"):
        import_module(module)
    os.environ["KILLED_AT"] = killed_at
    Killed.calls = 0
    process = multiprocessing.get_context("fork").Process(target=_soup, args=(folder,))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _soup(folder: str) -> None:
    torch.set_num_threads(1)  # those of the parent are not here
    os._exit(main(["soup", "-c", "recipe.yaml", "--run_dir", folder]))


def rows(run: str, stage: str) -> list[dict[str, str]]:
    with Path(run, "logs", "lightning_logs", stage, "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def events(run: str, stage: str) -> list[tuple[str, int, float]]:
    """Every scalar in all event files of a stage, as they stand there: (tag, step, value)."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    return [
        (value.tag, event.step, value.tensor.float_val[0])
        for file in sorted(Path(run, "logs", "lightning_logs", stage).glob("events*"))
        for event in EventFileLoader(str(file)).Load()
        for value in event.summary.value
    ]


@pytest.mark.parametrize("kind", ["CSVLogger", "TensorBoardLogger"])
def test_killed_at_any_moment_a_stage_logs_each_row_once_and_leaves_no_other_files(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "TensorBoardLogger":
        pytest.importorskip("tensorboard")
    monkeypatch.chdir(tmp_path)
    logger = f"{{class_path: {kind}, init_args: {{save_dir: logs}}}}"
    Path("recipe.yaml").write_text(CHEETAH.replace("LOGGER", logger))
    assert soup("whole") == 0
    for moment, number in MOMENTS.items():
        assert soup("killed", f"{moment}={number}") == -signal.SIGKILL, moment
    assert soup("killed") == 0
    for stage in STAGES:
        logged: Any = rows if kind == "CSVLogger" else events
        assert logged("killed", stage) == logged("whole", stage), stage
        names = (
            {row[0] for row in logged("whole", stage)} if kind == "TensorBoardLogger" else {*rows("whole", stage)[0]}
        )
        assert {"reward/risky", "reward/cautious", "val/risky", "own", "lr-Adam"} <= names
        checkpoints = [
            {file.name for file in Path(run, "logs/lightning_logs", stage, "checkpoints").iterdir()}
            for run in ("killed", "whole")
        ]
        assert checkpoints[0] == checkpoints[1]
        assert len(checkpoints[0]) == 1
    assert front(Path("killed"))["points"] == front(Path("whole"))["points"]
    assert not [*Path("killed").rglob("*.tmp"), *Path("killed").rglob("last.ckpt*")]


def test_rows_hold_what_their_own_step_earned(tmp_path: Path) -> None:
    """Not what an earlier one did, whatever the number of batches in an epoch."""

    class Watched(PointFineTuner):
        def __init__(self) -> None:
            super().__init__()
            self.earned: list[float] = []

        def _log(self, rollout: Any, scores: Any, logs: Any) -> None:
            self.earned.append(float(scores["east"].mean()))
            super()._log(rollout, scores, logs)

    module = Watched()
    quiet_trainer(max_epochs=3, log_every_n_steps=4, logger=CSVLogger(tmp_path, "", "")).fit(module)
    with (tmp_path / "metrics.csv").open(newline="") as file:
        logged = {int(row["step"]): float(row["reward/east"]) for row in csv.DictReader(file)}
    assert [*logged] == [3, 7, 11, 15, 19, 23, 27]
    assert logged == {step: pytest.approx(module.earned[step], rel=1e-6) for step in logged}


def of(kind: str, **arguments: Any) -> Namespace:
    """A logger's settings as a recipe's parser leaves them."""
    given = {"save_dir": "logs", "name": None, "version": None, **arguments}
    if kind == "WandbLogger":
        given = {"id": None, "dir": None, "experiment": None, "save_dir": ".", **given}
    return Namespace(class_path=f"lightning.pytorch.loggers.{kind}", init_args=Namespace(**given))


def test_wandb_groups_a_run_and_goes_on_in_a_stage() -> None:
    made = {}
    for run in ("a", "b"):
        for folder, stage in [("q/seed-0", "init"), ("q/seed-0", "experts/x"), ("q/seed-1", "baselines/morl/0")]:
            logger = Place(Path("runs", folder), "q", f"{run}{folder}", stage).logger(of("WandbLogger", project="p"))
            again = Place(Path("moved", folder), "q", f"{run}{folder}", stage).logger(of("WandbLogger", project="p"))
            assert logger.init_args.id == again.init_args.id
            made[logger.init_args.id] = logger
    assert len(made) == 6
    _, expert, baseline, *_ = made.values()
    assert expert.dict_kwargs == {"group": "q", "job_type": "expert"}
    assert expert.init_args.name == "q/seed-0/experts/x"
    assert expert.init_args.project == "p"
    assert expert.init_args.save_dir == "runs/q/seed-0/logs"
    assert baseline.dict_kwargs["job_type"] == "baseline"
    for stage, kind in (("together", "together"), ("rounds/0/x", "rounds")):  # of other methods
        assert Place(Path("runs/q"), "q", "a", stage).logger(of("WandbLogger")).dict_kwargs["job_type"] == kind
    given = of("WandbLogger", name="mine")
    given["dict_kwargs"] = {"group": "sweep", "tags": ["x"]}
    logger = Place(Path("runs/q"), "q", "a", "init").logger(given)
    assert logger.dict_kwargs == {"group": "sweep", "job_type": "init", "tags": ["x"]}
    assert logger.init_args.name == "mine/q/init"


def test_wandb_runs_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    recipe = POINT_RECIPE.replace(
        "trainer: {", "trainer: {logger: {class_path: WandbLogger, init_args: {save_dir: logs}}, log_every_n_steps: 5, "
    )
    Path("recipe.yaml").write_text(recipe)
    assert soup("run") == 0
    identifier = json.loads(Path("run/run.json").read_text())["id"]
    stages = ("init", "experts/east", "experts/north", "baselines/morl/0")
    ids = {Place(Path("run"), "run", identifier, stage).logger(of("WandbLogger")).init_args.id for stage in stages}
    folders = [*Path("run/logs/wandb").glob("offline-run-*")]
    assert {folder.name.rpartition("-")[2] for folder in folders} == ids
    assert len(folders) == 4
    content = b"".join(file.read_bytes() for file in Path("run/logs/wandb").rglob("*.wandb"))
    assert all(word in content for word in (b"expert", b"baseline", b"run/baselines/morl/0", b"reward/east"))


@pytest.mark.parametrize(
    ("logger", "message"),
    [
        (of("MLFlowLogger"), "MLFlowLogger: rsoup soup names each stage's log with CSVLogger"),
        (of("CSVLogger", save_dir="/logs"), "CSVLogger: the path /logs leaves the run folder"),
        (of("CSVLogger", save_dir="~/logs"), "leaves the run folder"),
        (of("TensorBoardLogger", save_dir="a/../../logs"), "leaves the run folder"),
        (of("CSVLogger", save_dir="s3://logs"), "leaves the run folder"),
        (of("WandbLogger", id="mine"), "WandbLogger.id: remove it: each stage has its own"),
        (of("WandbLogger", version="mine"), "WandbLogger.version"),
    ],
)
def test_logs_that_stages_would_share_are_refused(logger: Namespace, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Place(Path("run"), "run", "", "init").logger(logger)


def test_names_and_versions_are_kept() -> None:
    place = Place(Path("run"), "run", "", "experts/east")
    named = place.logger(of("CSVLogger", name="mine", version=3))
    assert CSVLogger(**named.init_args.as_dict()).log_dir == "run/logs/mine/3/experts/east"


def test_checkpoints_of_each_stage_lie_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, (settings, where) in enumerate(
        [
            ("enable_checkpointing: true, ", "{stage}/checkpoints"),
            (
                "callbacks: [{class_path: ModelCheckpoint, init_args: {dirpath: best, "
                "monitor: val/east, mode: max}}], limit_val_batches: 2, ",
                "best/{stage}",
            ),
        ]
    ):
        Path("recipe.yaml").write_text(POINT_RECIPE.replace("trainer: {", f"trainer: {{{settings}"))
        assert main(["soup", "-c", "recipe.yaml", "--run_dir", str(number)]) == 0
        for stage, steps in [("init", 20), ("experts/east", 30), ("baselines/morl/0", 30)]:
            (file,) = Path(str(number), where.format(stage=stage)).iterdir()
            state = torch.load(file, weights_only=True)["state_dict"]
            assert state["steps_taken"].item() <= steps * 32
