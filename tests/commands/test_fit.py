from __future__ import annotations

import json
from pathlib import Path

import lightning as L
import pytest
import torch
import yaml

from rsoup_lightning.__main__ import main
from rsoup_lightning.merging import write_weights
from tests.conftest import PointFineTuner, quiet_trainer
from tests.running import POINT_RECIPE, rsoup


def test_a_training_without_an_end_is_refused_or_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(POINT_RECIPE.replace(", max_epochs: 3", ""))
    quick = ["fit", "-c", "r.yaml", "--trainer.logger", "false", "--trainer.enable_checkpointing", "false"]
    assert main(quick) == 2
    assert "this training has no end: give --trainer.max_epochs N" in capsys.readouterr().err
    for end in (["--trainer.max_steps", "4"], ["--trainer.fast_dev_run", "1"], ["--trainer.max_time", "00:00:00:01"]):
        assert main([*quick, *end]) == 0
        assert "until you stop it" not in capsys.readouterr().err
    stop = {"class_path": "tests.commands.test_fit.StopAtOnce"}
    assert main([*quick, "--trainer.max_epochs", "-1", f"--trainer.callbacks+={json.dumps(stop)}"]) == 0
    assert "trains until you stop it" in capsys.readouterr().err


class StopAtOnce(L.Callback):
    """Ends a training after its first step."""

    def on_train_batch_end(self, trainer: L.Trainer, *args: object) -> None:
        trainer.should_stop = True


class Hostile:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("hacked"),)


def test_checkpoints_that_cannot_be_taken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(POINT_RECIPE.replace("trainer: {", "trainer: {logger: false, "))
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(PointFineTuner(optimizer=torch.optim.Adam))
    trainer.save_checkpoint("whole.ckpt")
    trainer.save_checkpoint("weights.ckpt", weights_only=True)
    whole = torch.load("whole.ckpt", weights_only=True)
    torch.save(whole | {"state_dict": whole["state_dict"] | {"policy.place": torch.zeros(3)}}, "other.ckpt")
    torch.save(whole | {"state_dict": {"policy.plaice": torch.zeros(2)}}, "renamed.ckpt")
    torch.save(whole | {"epoch": Hostile()}, "hostile.ckpt")
    torch.save([1], "list.ckpt")
    Path("cut.ckpt").write_bytes(Path("whole.ckpt").read_bytes()[:500])
    Path("empty.ckpt").touch()
    write_weights(Path("expert"), {"place": torch.zeros(2)})
    named = {
        "absent.ckpt": "--ckpt_path absent.ckpt: there is no such file",
        "other.ckpt": "other.ckpt is another model's: policy.place is of shape (3,), in this recipe of shape (2,)",
        "renamed.ckpt": "renamed.ckpt is another model's: steps_taken is absent",
        "hostile.ckpt": "could run code: refused",
        "list.ckpt": "list.ckpt is not a Lightning checkpoint",
        "cut.ckpt": "cut.ckpt is not a whole checkpoint",
        "empty.ckpt": "empty.ckpt is not a whole checkpoint",
        "expert": "give expert as --model.init_weights",
        "expert/policy.safetensors": "give expert/policy.safetensors as --model.init_weights",
    }
    several = [(command, name) for command in ("validate", "test") for name in ("other.ckpt", "hostile.ckpt", "expert")]
    for command, name in [*(("fit", name) for name in named), *several]:
        assert main([command, "-c", "r.yaml", "--ckpt_path", name]) == 2, (command, name)
        (line,) = capsys.readouterr().err.splitlines()
        assert named[name] in line
    assert main(["fit", "-c", "r.yaml", "--ckpt_path", "weights.ckpt"]) == 2
    assert "weights.ckpt holds weights alone" in capsys.readouterr().err
    assert main(["test", "-c", "r.yaml", "--ckpt_path", "weights.ckpt"]) == 0
    assert main(["fit", "-c", "r.yaml", "--trainer.max_epochs", "2", "--ckpt_path", "whole.ckpt"]) == 0
    assert not Path("hacked").exists()


def test_fit_validate_and_test_through_lightning(tmp_path: Path) -> None:
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    rsoup("fit", "-c", "point.yaml", "--model.preference", "{east: 1.0}", cwd=tmp_path)
    (checkpoint,) = tmp_path.rglob("*.ckpt")
    done = rsoup("test", "-c", "point.yaml", "--ckpt_path", str(checkpoint), cwd=tmp_path)
    assert "test/east" in done.stdout
    done = rsoup("validate", "-c", "point.yaml", cwd=tmp_path)
    assert "val/north" in done.stdout


def test_without_a_logger_the_working_folder_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning would write the resolved configuration over a recipe of that name."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(POINT_RECIPE)
    assert main(["validate", "-c", "config.yaml", "--trainer.logger", "false"]) == 0
    assert Path("config.yaml").read_text() == POINT_RECIPE
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]
    assert main(["validate", "-c", "config.yaml"]) == 0
    (written,) = tmp_path.rglob("lightning_logs/*/config.yaml")
    assert yaml.safe_load(written.read_text())["task"] == "tests.conftest:PointFineTuner"


@pytest.mark.parametrize("command", ["soup", "fit"])
def test_help_without_a_task_says_how_to_see_its_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"usage: rsoup {command}" in said and "add --task NAME, or -c RECIPE. Known tasks: assistant" in said
    assert ("--run_dir" in said) == (command == "soup")


def test_help_of_a_task_explains_its_options() -> None:
    text = rsoup("fit", "--task", "locomotion", "--help").stdout
    assert "simulator steps of a training rollout, per copy" in text
    assert "soup.morl" in text
