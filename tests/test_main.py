from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rsoup_lightning.__main__ import main
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sop"], "unknown command 'sop': did you mean 'soup'"),
        (["soup"], "no task: give a recipe"),
        (["soup", "--task", "locomotoin"], "unknown task 'locomotoin': did you mean 'locomotion'"),
        (["soup", "-c", "absent.yaml"], "one of ours) 'absent.yaml'. rsoup tasks lists them"),
        (["fit", "--config=locomotion/quikstart"], "did you mean 'locomotion/quickstart'"),
        (["soup", "--task", "locomotion", "--model.horizont", "3"], "horizont"),
        (["soup", "--task", "locomotion", "--model.horizon", "many"], "horizon"),
        (["soup", "--task", "locomotion"], "trainer.max_epochs"),
        (["soup", "--task", "locomotion", "--trainer.max_epochs", "1", "--trainer.devices", "[1]"], "give a number"),
        (["soup", "--task", "locomotion", "--trainer.max_epochs", "1", "--seeds", "1", "1"], "a seed twice"),
        (["fit", "--task", "locomotion", "--model.env_id", "HalfCheeta-v5"], "did you mean 'HalfCheetah-v5'"),
        (["fit", "--task", "locomotion", "--model.preference", "{riski: 1.0}"], "did you mean 'risky'"),
        (["soup", "-c"], "-c needs a recipe"),
        (["tasks", "--jsn"], "unknown option '--jsn': did you mean '--json'"),
        (["merge"], "required: experts, output"),
        (
            ["merge", "--output", "o", "--experts", "a", "b", "--coefficients", "1", "x"],
            "value 2: expected float, got x",
        ),
        (["merge", "a", "b", "--output", "o"], "a b: say which option that is for, such as --experts or --output"),
        (
            ["merge", "--output", "o", "--experts", "a", "b", "--coefficients", "0.3,0.7"],
            "got 0.3,0.7: put spaces between numbers, 0.3 0.7",
        ),
        (["merge", "--output", "o", "--experts", "a", "b", "--grid", "x"], "grid: expected int, got x"),
        (["merge", "--output", "o", "--experts", "a", "b", "--grid", "3", "--method", "tie"], "did you mean 'ties'"),
        (["merge", "--output", "o", "--experts", "a", "b", "--groups", "{w: [1], w: [0]}"], "gives 'w' twice"),
        (["merge", "--output", "o", "--experts", "brief", "--grid", "3"], "brief does not exist"),
        (["pick", "run"], "required: output"),
        (["pick", "run", "--output", "o", "--seed", "x"], "seed: expected int, got x"),
        (["pick", "run", "--output", "o", "--preference", ""], "preference: expected a mapping, got nothing"),
        (["pick", "run", "--output", "o", "--preference", "a=0.7"], "got a=0.7: write '{a: 0.7}'"),
        (
            ["pick", "run", "--output", "o", "--preference", "0.3,0.7"],
            "got 0.3,0.7: say what each number is of, as in '{a: 0.3, b: 0.7}'",
        ),
        (["pick", "run", "--output", "o", "--preference", "{a: x}"], "preference: expected float, got x"),
        (["pick", "run", "--output", "o", "--preference", "{a: 1, a: 0}"], "gives 'a' twice"),
    ],
)
def test_bad_input_is_said_in_a_line(arguments: list[str], message: str, refused: Callable[..., str]) -> None:
    assert message in refused(*arguments)


def test_a_command_whose_packages_are_missing_says_how_to_install_them() -> None:
    absent = "import sys; sys.modules['transformers'] = None; from rsoup_lightning.__main__ import main; "
    done = subprocess.run(
        [sys.executable, "-c", f"{absent} sys.exit(main(['serve', 'run']))"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("rsoup: rsoup serve needs transformers")
    assert "pip install 'rsoup_lightning[serve,text]'" in done.stderr


def test_a_file_that_cannot_be_written_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(POINT_RECIPE)
    assert main(["fit", "-c", "r.yaml", "--trainer.default_root_dir", "r.yaml/logs"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rsoup: ")
    assert line.endswith("r.yaml/logs: Not a directory")


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
        "class_path": "rsoup_lightning.run.trainer.callbacks.SoupCallback",
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


def test_a_reader_that_has_read_enough(tmp_path: Path) -> None:
    command = f"{sys.executable} -m rsoup_lightning tasks | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "assistant"
    assert done.stdout.splitlines()[1] in ("0", "141")  # 0 where the pipe took everything before it was closed
