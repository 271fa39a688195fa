from __future__ import annotations

import json
from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from rsoup_lightning.__main__ import main
from rsoup_lightning.run.trainer.stage_checkpoint import BeforeOthers, StageCheckpoint
from tests.conftest import PointFineTuner, quiet_trainer
from tests.running import POINT_RECIPE


def test_stage_checkpoint_resumes_to_the_same_end(tmp_path: Path) -> None:
    whole, half, rest = PointFineTuner(), PointFineTuner(), PointFineTuner()
    histories = []
    for module, epochs, name, resume in ((whole, 4, "a", None), (half, 2, "b", None), (rest, 4, "b", "b")):
        checkpoint = StageCheckpoint(tmp_path / f"{name}.ckpt")
        path = tmp_path / f"{resume}.ckpt" if resume else None
        trainer = quiet_trainer(max_epochs=epochs)
        trainer.callbacks.append(checkpoint)
        trainer.fit(module, ckpt_path=path, weights_only=True)
        histories.append([entry["reward/east"] for entry in checkpoint.history])
    assert torch.equal(whole.policy.place, rest.policy.place)
    assert len(histories[0]) == 4
    assert histories[0] == histories[2]


class Unknown(L.Callback):
    """Logs what is not a number."""

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: object) -> None:
        pl_module.log("unknown", float("nan"))


def test_a_callback_may_log_what_is_not_finite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    callbacks = "callbacks: [{class_path: tests.run.trainer.test_stage_checkpoint.Unknown}]"
    Path("r.yaml").write_text(POINT_RECIPE.replace("trainer: {", f"trainer: {{{callbacks}, "))
    assert main(["soup", "-c", "r.yaml", "--run_dir", "run"]) == 0
    history = json.loads(Path("run/stages/init.json").read_text())["history"]
    assert {entry["unknown"] for entry in history} == {None}


def test_what_was_saved_after_the_state_is_deleted_in_folders_too(tmp_path: Path) -> None:
    """Lightning takes the / in a reward's metric for a folder."""
    checkpoint = StageCheckpoint(tmp_path / "last.ckpt")
    checkpoint.saved = [["epoch=0-reward/east=1.00.ckpt"]]
    for epoch in (0, 1):
        file = tmp_path / f"best/epoch={epoch}-reward/east=1.00.ckpt"
        file.parent.mkdir(parents=True)
        file.touch()
    trainer = quiet_trainer(enable_checkpointing=True, callbacks=[ModelCheckpoint(tmp_path / "best")])
    BeforeOthers(checkpoint).on_train_start(trainer, PointFineTuner())
    assert [file.parent.name for file in tmp_path.rglob("*.ckpt")] == ["epoch=0-reward"]
