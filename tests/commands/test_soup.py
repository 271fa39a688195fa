from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import yaml

from rsoup_lightning.__main__ import main
from rsoup_lightning.merging import write_weights
from tests.conftest import PointFineTuner, quiet_trainer
from tests.running import POINT_RECIPE, environment, rsoup


def test_help_and_tasks_import_nothing_heavy() -> None:
    """What keeps them fast: neither torch nor a simulator is imported."""
    code = (
        "import sys; from rsoup_lightning.__main__ import main; main(sys.argv[1:]);"
        "heavy = {'torch', 'lightning', 'gymnasium', 'mujoco', 'numpy'} & set(sys.modules); assert not heavy, heavy"
    )
    for arguments in (["--help"], ["tasks"], ["tasks", "--json"]):
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {command}" in text for command in ("tasks", "soup", "fit", "validate", "test"))


def test_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "--json"]) == 0
    task = json.loads(capsys.readouterr().out)["locomotion"]
    assert task["rewards"] == ["risky", "cautious", "default"]
    assert task["recipe"] in task["recipes"]
    assert main(["tasks"]) == 0
    assert "  start with: rsoup soup -c locomotion/quickstart\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sop"], "unknown command 'sop': did you mean 'soup'"),
        (["soup"], "no task: give a recipe"),
        (["soup", "--task", "locomotoin"], "unknown task 'locomotoin': did you mean 'locomotion'"),
        (["soup", "-c", "absent.yaml"], "unknown recipe (neither a file nor one of ours) 'absent.yaml'"),
        (["fit", "--config=locomotion/quikstart"], "did you mean 'locomotion/quickstart'"),
        (["soup", "--task", "locomotion", "--model.horizont", "3"], "horizont"),
        (["soup", "--task", "locomotion", "--model.horizon", "many"], "horizon"),
        (["soup", "--task", "locomotion"], "trainer.max_epochs"),
        (["soup", "--task", "locomotion", "--trainer.max_epochs", "1", "--trainer.devices", "2"], "one device"),
        (["soup", "--task", "locomotion", "--trainer.max_epochs", "1", "--seeds", "1", "1"], "a seed twice"),
        (["fit", "--task", "locomotion", "--model.env_id", "HalfCheeta-v5"], "did you mean 'HalfCheetah-v5'"),
        (["fit", "--task", "locomotion", "--model.preference", "{riski: 1.0}"], "did you mean 'risky'"),
        (["soup", "-c"], "-c needs a recipe"),
        (["tasks", "--jsn"], "unrecognized arguments: --jsn"),
        (["merge"], "required: experts, output"),
        (
            ["merge", "--output", "o", "--experts", "a", "b", "--coefficients", "1", "x"],
            "value 2: expected float, got x",
        ),
        (["merge", "--output", "o", "--experts", "a", "b", "--grid", "x"], "grid: expected int, got x"),
        (["merge", "--output", "o", "--experts", "a", "b", "--method", "tie"], "'ties', 'dare', 'liti', got tie"),
        (["merge", "--output", "o", "--experts", "a", "b", "--groups", "{w: [1], w: [0]}"], "gives 'w' twice"),
        (["pick", "run"], "required: output"),
        (["pick", "run", "--output", "o", "--seed", "x"], "seed: expected int, got x"),
        (["pick", "run", "--output", "o", "--preference", ""], "preference: expected a mapping, got nothing"),
        (["pick", "run", "--output", "o", "--preference", "{a: x}"], "preference: expected float, got x"),
        (["pick", "run", "--output", "o", "--preference", "{a: 1, a: 0}"], "gives 'a' twice"),
    ],
)
def test_bad_input_is_said_in_a_line(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    *_, line = said.splitlines()
    assert line.startswith("rsoup: ")
    assert message in line
    assert "usage:" not in said
    assert not any(tmp_path.iterdir())


RECIPE: dict[str, Any] = {
    "task": "tests.conftest:PointFineTuner",
    "model": {
        "algorithm": {"class_path": "RLOO", "init_args": {"completions": 4}},
        "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": 0.02}},
    },
    "trainer": {"accelerator": "cpu", "max_epochs": 1},
    "soup": {"grid": 3},
}


@pytest.mark.parametrize("command", ["soup", "fit"])
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model", None, "model of the recipe r.yaml is empty"),
        ("soup", None, "soup of the recipe r.yaml is empty"),
        ("trainer", None, "trainer of the recipe r.yaml is empty"),
        ("model.max_grad_norm", None, "model.max_grad_norm: expected float. It is empty: give it a value, or leave it"),
        ("model.kl", {"coefficient": None}, "coefficient: expected float. It is empty"),
        ("model.kl", {"coefficient": -1}, "a KL penalty needs coefficient >= 0"),
        ("model.optimizer", None, "model.optimizer: "),
        ("model.optimizer.init_args.lr", None, "lr: expected float; Not a valid subclass of Tensor; It is empty"),
        ("model.optimizer.init_args.lr", "high", "lr: expected float"),
        ("model.algorithm.init_args.completions", None, "completions: expected int. It is empty"),
        ("model.algorithm.init_args.completions", "four", "completions: expected int, got four"),
        ("model.algorithm.init_args.completion", 4, "Option 'completion' is not accepted"),
        ("model.algorithm.class_path", "RLO", "there is no class RLO"),
        ("model.algorithm.class_path", "torch.optim.Adam", "does not correspond to a subclass of Algorithm"),
        ("soup.grid", None, "soup.grid: expected int. It is empty"),
        ("soup.grid", "many", "soup.grid: expected int, got many"),
        ("soup.gird", 3, "gird"),
        ("sopu", {"grid": 3}, "sopu.grid"),
        ("soup.morl", 3, "soup.morl: expected list"),
        ("trainer.accelerator", "cpuu", "invalid accelerator name"),
        ("trainer.strategy", "dpp", "invalid strategy name"),
        ("trainer.max_epochs", None, "max_epochs"),
        ("task", ["a"], "task must be a name, not ['a']"),
        ("task", 3, "task must be a name, not 3"),
        ("task", "tests.conftest:PointPolicy", "not a RewardFineTuner"),
        ("task", "tests.conftest:ROOT", "not a RewardFineTuner"),
        ("task", "tests.conftest:Pint", "has no attribute 'Pint'"),
        ("seed_everything", -1, "the seed is -1"),
        ("seed_everything", None, "the seed is None"),
        ("seed_everything", "abc", "expected int"),
    ],
)
def test_a_wrong_value_is_named_in_a_line(
    command: str,
    key: str,
    value: object,
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = deepcopy(RECIPE)
    *path, last = key.split(".")
    section = recipe
    for name in path:
        section = section[name]
    section[last] = value
    Path("r.yaml").write_text(yaml.safe_dump(recipe))
    assert main([command, "-c", "r.yaml"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rsoup: ")
    assert message in line
    assert [file.name for file in tmp_path.iterdir()] == ["r.yaml"]


@pytest.mark.parametrize("command", ["soup", "fit"])
def test_a_key_given_twice_is_refused(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(POINT_RECIPE + "trainer: {max_epochs: 7}\n")
    assert main([command, "-c", "r.yaml"]) == 2
    assert "the recipe r.yaml gives 'trainer' twice, again in line 11" in capsys.readouterr().err
    Path("r.yaml").write_text(POINT_RECIPE)
    assert main([command, "-c", "r.yaml", "--model.preference", "{east: 1.0, east: 0.5}"]) == 2
    assert "--model.preference gives 'east' twice" in capsys.readouterr().err


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
    stop = {"class_path": "tests.commands.test_soup.StopAtOnce"}
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
    for command in ("fit", "validate", "test"):
        for name, message in {
            "absent.ckpt": "--ckpt_path absent.ckpt: there is no such file",
            "other.ckpt": "other.ckpt is another model's: policy.place is of shape (3,), in this recipe of shape (2,)",
            "renamed.ckpt": "renamed.ckpt is another model's: kl_coefficient is absent",
            "hostile.ckpt": "could run code: refused",
            "list.ckpt": "list.ckpt is no Lightning checkpoint",
            "cut.ckpt": "cut.ckpt is no whole checkpoint",
            "empty.ckpt": "empty.ckpt is no whole checkpoint",
            "expert": "give expert as --model.init_weights",
            "expert/policy.safetensors": "give expert/policy.safetensors as --model.init_weights",
        }.items():
            assert main([command, "-c", "r.yaml", "--ckpt_path", name]) == 2, name
            (line,) = capsys.readouterr().err.splitlines()
            assert message in line
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


def test_a_file_that_cannot_be_written_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(POINT_RECIPE)
    assert main(["fit", "-c", "r.yaml", "--trainer.default_root_dir", "r.yaml/logs"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rsoup: ")
    assert line.endswith("r.yaml/logs: Not a directory")


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


def test_home_folders_go_in_every_option(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    trainer = "--trainer.logger=false", "--trainer.max_epochs=1"
    root = "--trainer.default_root_dir=~/root"
    (tmp_path / "r.yaml").write_text(POINT_RECIPE)
    (tmp_path / "choices.json").write_text('[{"preferred": {"point": 0}, "other": {"point": 4}}]')
    callback = {
        "class_path": "rsoup_lightning.run.callbacks.SoupCallback",
        "init_args": {
            "experts": {name: f"~/run/experts/{name}" for name in ("east", "north")},
            "grid": 3,
            "output": "~/front.json",
        },
    }
    soups = f"--trainer.callbacks+={json.dumps(callback)}"
    checkpoint = "--ckpt_path=~/root/checkpoints/epoch=0-step=10.ckpt"
    for arguments in (
        ["soup", "-c", "~/r.yaml", *trainer, "--run_dir=~/run"],
        ["pick", "~/run", "--preference={east: 1}", "--output=~/picked"],
        ["fit", "-c", "~/r.yaml", *trainer, root, "--model.init_weights=~/run/init"],
        ["test", "--config=~/r.yaml", *trainer, root, checkpoint, soups],
        ["pick", "~/run", "--choices=~/choices.json", "--output=~/chosen"],
    ):
        assert main(arguments) == 0, capsys.readouterr().err
    assert not any((tmp_path / "work").iterdir())
    assert {"run", "picked", "root", "front.json", "chosen"} <= {path.name for path in tmp_path.iterdir()}


def test_own_modules_of_the_working_folder(tmp_path: Path) -> None:
    """A reward and an algorithm of the user's, beside a file called as a package of ours."""
    (tmp_path / "tasks.py").write_text("raise RuntimeError('shadowed')")
    (tmp_path / "my_rewards.py").write_text("def animals(answer): return float('cat' in answer)")
    (tmp_path / "my_algos.py").write_text(
        "from rsoup_lightning.algorithms import RLOO\n\nclass Mine(RLOO):\n    'Mine.'\n"
    )
    (tmp_path / "point.yaml").write_text(POINT_RECIPE.replace("class_path: RLOO", "class_path: my_algos.Mine"))
    rsoup("fit", "-c", "point.yaml", "--trainer.max_epochs", "1", cwd=tmp_path)
    assert "locomotion" in rsoup("tasks", cwd=tmp_path).stdout
    code = (
        "import sys; from rsoup_lightning.__main__ import console; sys.argv[1:] = ['--version']\n"
        "try: console()\n"
        "except SystemExit: from rsoup_lightning.modalities import function_rewards\n"
        "function_rewards.RatingFunction('my_rewards:animals', '')"
    )
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment(), check=True)


def test_a_recipe_by_name_from_any_folder(tmp_path: Path) -> None:
    small = "--model.num_envs 2 --model.horizon 4 --model.rollouts_per_epoch 1 --model.eval_episodes 1"
    options = [*small.split(), "--model.env_options", "{max_episode_steps: 5}", "--trainer.max_epochs", "1"]
    rsoup("fit", "-c", "locomotion/quickstart", *options, cwd=tmp_path)
    rsoup("soup", "--config=locomotion/quickstart", *options, "--soup.films", "false", cwd=tmp_path)
    assert (tmp_path / "runs" / "locomotion-quickstart" / "report.html").exists()


def test_a_reader_that_has_read_enough(tmp_path: Path) -> None:
    command = f"{sys.executable} -m rsoup_lightning tasks | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "assistant"
    assert done.stdout.splitlines()[1] in ("0", "141")  # 0 where the pipe took everything before it was closed


def test_help_of_a_task_explains_its_options() -> None:
    text = rsoup("fit", "--task", "locomotion", "--help").stdout
    assert "simulator steps of a training rollout, per copy" in text
    assert "soup.morl" in text
