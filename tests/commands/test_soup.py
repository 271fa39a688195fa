from __future__ import annotations

from pathlib import Path

import pytest

from rsoup_lightning.__main__ import main
from tests.running import POINT_RECIPE, rsoup


def test_a_recipe_by_name_from_any_folder(tmp_path: Path) -> None:
    small = "--model.num_envs 2 --model.horizon 4 --model.rollouts_per_epoch 1 --model.eval_episodes 1"
    options = [*small.split(), "--model.env_options", "{max_episode_steps: 5}", "--trainer.max_epochs", "1"]
    rsoup("fit", "-c", "locomotion/quickstart", *options, cwd=tmp_path)
    rsoup("soup", "--config=locomotion/quickstart", *options, "--soup.films", "false", cwd=tmp_path)
    assert (tmp_path / "runs" / "locomotion-quickstart" / "report.html").exists()


def test_a_logger_whose_package_is_missing_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
        monkeypatch.setattr(f"lightning.fabric.loggers.tensorboard.{package}", False)
    (tmp_path / "r.yaml").write_text(POINT_RECIPE)
    logger = ["--trainer.logger", "TensorBoardLogger", "--trainer.logger.save_dir", "logs"]
    assert main(["soup", "-c", str(tmp_path / "r.yaml"), "--run_dir", str(tmp_path / "run"), *logger]) == 2
    said = capsys.readouterr().err
    assert "Neither `tensorboard` nor `tensorboardX` is available" in said
    assert "Namespace" not in said and "False" not in said
