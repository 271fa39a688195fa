from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rsoup_lightning.__main__ import main
from tests.commands import POINT_RECIPE, environment, rsoup


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
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "runs").exists()


def test_fit_validate_and_test_through_lightning(tmp_path: Path) -> None:
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    rsoup("fit", "-c", "point.yaml", "--model.preference", "{east: 1.0}", cwd=tmp_path)
    (checkpoint,) = tmp_path.rglob("*.ckpt")
    done = rsoup("test", "-c", "point.yaml", "--ckpt_path", str(checkpoint), cwd=tmp_path)
    assert "test/east" in done.stdout
    done = rsoup("validate", "-c", "point.yaml", cwd=tmp_path)
    assert "val/north" in done.stdout


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
        "except SystemExit: from rsoup_lightning.modalities.functions import Numbers; Numbers('my_rewards:animals', '')"
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
