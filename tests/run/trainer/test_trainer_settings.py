"""Settings of the trainer are honoured, or refused by name before anything runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import yaml

from rsoup_lightning.__main__ import main
from tests.running import POINT_RECIPE

OF_FIT = [
    ({"accumulate_grad_batches": 2}, "trainer.accumulate_grad_batches: remove it: model.micro_batch_size"),
    ({"gradient_clip_val": 1.0}, "trainer.gradient_clip_val: remove it: model.max_grad_norm"),
    ({"gradient_clip_algorithm": "norm"}, "trainer.gradient_clip_algorithm"),
    ({"logger": {"class_path": "CometLogger"}}, "Comet"),
    ({"limit_val_batches": 1.0, "val_check_interval": 11}, "val_check_interval is 11: an epoch has 10 batches"),
]
OF_SOUP = [
    ({"max_steps": 7}, "trainer.max_steps: remove it: a stage trains for trainer.max_epochs"),
    ({"max_time": "00:00:01:00"}, "trainer.max_time"),
    ({"min_epochs": 1}, "trainer.min_epochs"),
    ({"min_steps": 1}, "trainer.min_steps"),
    ({"fast_dev_run": True}, "trainer.fast_dev_run"),
    ({"barebones": True}, "trainer.barebones"),
    ({"default_root_dir": "x"}, "trainer.default_root_dir: remove it: --run_dir"),
    ({"enable_progress_bar": True}, "trainer.enable_progress_bar"),
    ({"limit_test_batches": 1}, "trainer.limit_test_batches"),
    ({"limit_predict_batches": 1}, "trainer.limit_predict_batches"),
    ({"devices": "0,1"}, "trainer.devices is 0,1: give a number; CUDA_VISIBLE_DEVICES says which GPUs"),
    ({"devices": -1}, "trainer.devices is -1: give a number"),
    ({"devices": 2, "strategy": "fsdp"}, "trainer.strategy is fsdp: a stage trains on several devices by ddp alone"),
    ({"num_nodes": 2, "strategy": "ddp_spawn"}, "trainer.strategy is ddp_spawn"),
    ({"logger": True}, "trainer.logger: name one, such as CSVLogger, or give false"),
    ({"logger": None}, "trainer.logger: name one"),
    ({"logger": {"class_path": "CSVLogger", "init_args": {"save_dir": "/x"}}}, "leaves the run folder"),
    ({"val_check_interval": 5}, "trainer.val_check_interval: remove it: it does nothing without trainer.limit_val"),
    ({"check_val_every_n_epoch": 2}, "trainer.check_val_every_n_epoch"),
    ({"num_sanity_val_steps": 1}, "trainer.num_sanity_val_steps"),
    ({"callbacks": ["EarlyStopping", {"monitor": "reward/east"}]}, "EarlyStopping: remove it: it would end a stage"),
    ({"callbacks": ["Timer", {}]}, "Timer: remove it: it would end a stage"),
    ({"callbacks": ["SoupCallback", {"experts": {"a": "a", "b": "b"}}]}, "SoupCallback: remove it: rsoup soup does"),
    ({"callbacks": ["StageCheckpoint", {"path": "x"}]}, "StageCheckpoint: remove it"),
    ({"callbacks": ["LearningRateMonitor", {}]}, "LearningRateMonitor needs a trainer.logger"),
    ({"enable_checkpointing": False, "callbacks": ["ModelCheckpoint", {}]}, "enable_checkpointing=False"),
    (
        {"callbacks": ["ModelCheckpoint", {"monitor": "val/east"}]},
        "ModelCheckpoint watches val/east: set trainer.limit",
    ),
    ({"callbacks": ["ModelCheckpoint", {"dirpath": "../x"}]}, "ModelCheckpoint: the path ../x leaves the run folder"),
    ({"callbacks": ["ModelCheckpoint", {"dirpath": "./"}]}, "ModelCheckpoint: dirpath ./ is the run folder: name one"),
]


@pytest.mark.parametrize(
    ("command", "settings", "message"),
    [("soup", *case) for case in OF_FIT + OF_SOUP] + [("fit", *case) for case in OF_FIT],
)
def test_what_cannot_be_honoured_is_refused_before_anything_runs(
    command: str, settings: dict[str, Any], message: str, refused: Callable[..., str]
) -> None:
    if "callbacks" in settings:
        name, arguments = settings["callbacks"]
        settings = {**settings, "callbacks": [{"class_path": name, "init_args": arguments}]}
    recipe = yaml.safe_load(POINT_RECIPE)
    recipe["trainer"] |= settings
    assert message in refused(command, recipe=recipe)


class Seen(L.Callback):
    """Writes down what the trainer of a stage is like."""

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        losses = sorted(name for name in trainer.callback_metrics if name.startswith("val/"))
        seen = [trainer.default_root_dir, trainer.num_training_batches, trainer.val_check_interval, losses]
        with Path("seen.jsonl").open("a") as file:
            file.write(json.dumps(seen) + "\n")


def test_what_the_command_line_asks_of_stages_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(POINT_RECIPE)
    settings = {"limit_train_batches": 4, "limit_val_batches": 2, "val_check_interval": 0.5}
    flags = [text for name, value in settings.items() for text in (f"--trainer.{name}", str(value))]
    callback = json.dumps({"class_path": "tests.run.trainer.test_trainer_settings.Seen"})
    assert main(["soup", "-c", "r.yaml", "--run_dir", "run", *flags, f"--trainer.callbacks+={callback}"]) == 0
    seen = [json.loads(line) for line in Path("seen.jsonl").read_text().splitlines()]
    stages = ("init", "experts/east", "experts/north", "baselines/morl/0")
    assert seen == [[f"run/{stage}", 4, 0.5, ["val/east", "val/north"]] for stage in stages]
    stated = yaml.safe_load(Path("run/config.yaml").read_text())["trainer"]
    assert stated | settings == stated


def test_the_configuration_of_a_run_says_how_its_stages_were_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(POINT_RECIPE)
    assert main(["soup", "-c", "r.yaml", "--run_dir", "run"]) == 0
    stated = yaml.safe_load(Path("run/config.yaml").read_text())["trainer"]
    assert [stated[name] for name in ("logger", "enable_checkpointing", "limit_val_batches", "devices")] == [
        False,
        False,
        0,
        1,
    ]
