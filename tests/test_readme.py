"""What README and the manual say is run: commands parse and work, Python runs, the package installs and trains.

A snippet that cannot run here stands below a line that says what it needs, as ``*Needs vLLM.*``.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from rsoup_lightning.__main__ import COMMANDS
from rsoup_lightning.comparing.suite import read_suite
from rsoup_lightning.run.folders.folder import RunFolder
from tests.conftest import ROOT
from tests.explorer.browsing import served
from tests.merging.test_policy_weights import adapter
from tests.modalities.language.tiny import saved
from tests.run.launchers.fake_slurm import installed
from tests.running import front, rsoup, serving

README = (ROOT / "README.md").read_text()
PAGES = [
    README,
    *(
        page.read_text()
        for room in ("", "howto", "explanation", "reference")
        for page in (ROOT / "docs" / room).glob("*.md")
    ),
]
MANUAL = "\n".join(PAGES)
NEEDY = re.compile(r"^\*Needs .*\*\n\n```\w+\n.*?^```", re.S | re.M)
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", NEEDY.sub("", MANUAL), re.S | re.M)
SKIPPED = re.compile(r"^rsoup (?!tasks)\w+$|point|serve|\b(?:SUITE|RUN|NAME|TASK|FILE)\b")
"""Commands that are only named, that have a test of their own, or that stand for what a user has."""
COMMAND_LINES = [
    shlex.split(line)
    for line in dict.fromkeys(re.findall(r"(?:^|`)(rsoup [^`\n]+)", re.sub(r"\\\n\s*", "", MANUAL), re.M))
    if not SKIPPED.search(line)
]
QUICK = (
    "--model.num_envs 4 --model.horizon 4 --model.rollouts_per_epoch 1 --model.eval_episodes 2 --trainer.max_epochs 1"
)
QUICK_SOUP = "--soup.init_epochs 1 --soup.grid 3 --soup.films false"
TEXT = (
    "--model.batch_size 2 --model.batches_per_epoch 1 --model.max_new_tokens 4 --model.data.init_args.eval_size 4 "
    "--trainer.max_epochs 1 --soup.grid 3 --soup.normalise 2"
)
PICTURES = (
    "--model.base.init_args.pretraining.steps 2 --model.base.init_args.pretraining.batch_size 4 "
    "--model.data.init_args.train_size 600 --model.batch_size 2 --model.batches_per_epoch 1 "
    "--model.data.init_args.eval_size 2 --trainer.max_epochs 1 --soup.grid 3 --soup.normalise 0 --model.guards {}"
)  # so short a pre-training says nothing right, and its rewards have no scale
DRAWN = (
    "--model.base.init_args.autoencoding.steps 2 --model.base.init_args.denoising.steps 2 --model.steps 2 "
    "--model.base.init_args.data.init_args.train_size 50 --model.data.init_args.pictures.init_args.train_size 50 "
    "--model.data.init_args.pictures.init_args.eval_size 4 --model.batch_size 4 --model.batches_per_epoch 1 "
    "--trainer.max_epochs 1 --soup.grid 3"
)
SMALL = {
    "locomotion": f"{QUICK} {QUICK_SOUP} --soup.morl []",
    "review": TEXT.replace("max_new_tokens 4", "max_new_tokens 16") + " --soup.init_epochs 1",  # fewer are no sentence
    "captioning": PICTURES,
    "grounding": PICTURES,
    "diffusion": DRAWN,
}
"""By task, what makes its soup small."""
SHORT = ["--model.env_options", "{max_episode_steps: 20}", *shlex.split(QUICK), "--trainer.max_epochs", "1"]


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"(?:^|`)make ([\w-]+)", MANUAL, re.M)
    assert {"quickstart", "test"} <= set(targets)
    assert all(f"\n{target}:" in makefile for target in targets)


def test_picture_exists() -> None:
    for path in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / path).exists()


def test_every_snippet_is_run_here_or_says_what_it_needs() -> None:
    ran = ("rsoup ", "make ", "curl ", "pip install 'rsoup_lightning[serve,text]'\nrsoup serve")
    assert [text for language, text in BLOCKS if language == "bash" and not text.startswith(ran)] == []
    marks = ("assert ", "# my_rewards.py", "front = soup(", "Task(", "openai", "Balance-v0", "load(")
    assert [text for language, text in BLOCKS if language == "python" and not any(mark in text for mark in marks)] == []


def test_a_finished_run_is_loaded(experts: Path) -> None:
    (code,) = [text for language, text in BLOCKS if language == "python" and "load(" in text and "soup(" not in text]
    run_python(code, experts)


def run_python(code: str, folder: Path) -> None:
    """Run it there, as a script in a process of its own."""
    (folder / "snippet.py").write_text(code)
    rsoup(program="snippet", cwd=folder)


@pytest.fixture(scope="module")
def experts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the quickstart has run, small."""
    folder = tmp_path_factory.mktemp("readme")
    arguments = ["-c", "locomotion/quickstart", "--run_dir", "runs/locomotion-quickstart"]
    rsoup("soup", *arguments, *SHORT, *shlex.split(QUICK_SOUP), cwd=folder)
    return folder


@pytest.mark.parametrize("line", COMMAND_LINES, ids=" ".join)
def test_commands_run(line: list[str], experts: Path) -> None:
    command, *arguments = line[1:]
    assert command in COMMANDS
    if command == "bench":  # for minutes: tests/commands/test_bench.py has a smaller suite
        assert read_suite(ROOT / arguments[0]).methods
        return
    if command == "explore":  # it does not end by itself
        with served(experts / arguments[0]) as address, urlopen(address) as page:
            assert page.status == 200
        return
    small = [] if command in ("tasks", "merge", "pick", "push", "stage") or "--help" in arguments else SHORT
    variables: dict[str, str] = {}
    if "--launcher" in arguments:
        arguments, small, variables = left_to_a_launcher(arguments, experts)
    elif command == "soup":
        task = Path(arguments[1]).parent.name
        small = [*(SHORT if task == "locomotion" else []), *shlex.split(SMALL[task])]
        if task in ("captioning", "diffusion", "grounding"):  # what it pre-trains so briefly is not worth keeping
            variables["RSOUP_CACHE"] = str(experts / "cache")
        if "--trainer.devices" in arguments:
            small += ["--model.rollouts_per_epoch", "2"]  # one for each
        arguments = [*arguments, "--run_dir", f"runs/{len(list((experts / 'runs').iterdir()))}-{task}"]
    rsoup(command, *arguments, *small, cwd=experts, **variables)


def left_to_a_launcher(arguments: list[str], experts: Path) -> tuple[list[str], list[str], dict[str, str]]:
    """A launcher's command that plays the sweep of the quickstart once more, what makes it small, and variables."""
    launcher = arguments[arguments.index("--launcher") + 1]
    shutil.copytree(experts / "runs" / "locomotion-quickstart", experts / "runs" / launcher)
    RunFolder(experts / "runs" / launcher).forget("front")
    variables = installed(experts / "slurm") if launcher == "slurm" else {}
    return [*arguments, "--run_dir", f"runs/{launcher}"], [*SHORT, *shlex.split(QUICK_SOUP)], variables


def test_python_runs(tmp_path: Path) -> None:
    asserting = [text for language, text in BLOCKS if language == "python" and "assert " in text]
    assert len(asserting) > 8
    run_python("\n".join(asserting), tmp_path)


def test_a_front_from_python(tmp_path: Path) -> None:
    """In README's words: recipe to front to acting policy, and own objects to front; a page's worth of each."""
    recipe, objects = [text for language, text in BLOCKS if language == "python" and "front = soup(" in text]
    assert len(recipe.splitlines()) <= 12 and len(objects.splitlines()) <= 25
    for code in (recipe, objects):
        run_python(code, tmp_path)
    assert (tmp_path / "front.html").exists()
    assert {front(tmp_path / "runs" / name)["task"] for name in ("small", "mine")} == {"locomotion", "__main__:build"}


def test_adapters_are_served_in_two_commands(tmp_path: Path) -> None:
    """And asked as README says, by curl and OpenAI's client."""
    commands = [text for language, text in BLOCKS if language == "bash"]
    (start,) = [text for text in commands if "rsoup serve" in text]
    (curl,) = [text for text in commands if text.startswith("curl")]
    (code,) = [text for language, text in BLOCKS if "openai" in text]
    install, line = start.splitlines()
    assert install == "pip install 'rsoup_lightning[serve,text]'"
    places = {
        "org/model": saved(tmp_path / "base"),
        "LORA1": str(adapter(tmp_path / "kind", 1)),
        "LORA2": str(adapter(tmp_path / "brief", 2)),
    }
    for name, place in places.items():
        line = line.replace(name, place)
    with serving(*shlex.split(line)[2:], "--max_new_tokens", "5") as (_, address):
        for command in (["bash", "-c", curl], [sys.executable, "-c", code]):
            command[-1] = command[-1].replace("http://127.0.0.1:8000/v1", address)
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            assert "'kind': 0.3" in done.stdout.replace('"', "'").replace(":0", ": 0")


def test_ones_own_prompts_and_rewards(tmp_path: Path) -> None:
    """A recipe without a task of its own, on another base."""
    for language, text in BLOCKS:
        if "my_rewards.py" in text:
            (tmp_path / "my_rewards.py").write_text(text)
        if "RecordsFile" in text and language == "yaml":
            (tmp_path / "mine.yaml").write_text(text.replace("base: SmolLM2-135M-Instruct", f"base: {saved(tmp_path)}"))
    prompts = [json.dumps({"text": f"what is {number} ?"}) for number in range(20)]
    (tmp_path / "prompts.jsonl").write_text("\n".join(prompts))
    short = "--model.batch_size 2 --model.batches_per_epoch 1 --model.max_new_tokens 4 --trainer.max_epochs 1"
    rsoup("soup", "-c", "mine.yaml", *shlex.split(short), "--soup.grid", "3", "--run_dir", "run", cwd=tmp_path)
    assert front(tmp_path / "run")["experts"] == ["exclaims", "terse"]


def test_ones_own_environment(tmp_path: Path) -> None:
    """README's own environment, in the folder that one works in."""
    for language, text in BLOCKS:
        if "Balance-v0" in text:
            (tmp_path / {"python": "balance.py", "yaml": "balance.yaml"}[language]).write_text(text)
    rsoup("soup", "-c", "balance.yaml", *shlex.split(QUICK), *shlex.split(QUICK_SOUP), cwd=tmp_path)
    record = front(tmp_path / "runs" / "locomotion-balance")
    assert record["experts"] == ["centre", "speed"]
    assert set(record["points"][0]["scores"]) == {"centre", "speed", "upright"}


def test_a_third_partys_package(tmp_path: Path) -> None:
    """README's own task, built outside the tree, installed, and run by the public commands."""
    (code,) = [text for language, text in BLOCKS if language == "python" and "Task(" in text]
    (project,) = [text for language, text in BLOCKS if language == "toml"]
    (recipe,) = [text for language, text in BLOCKS if language == "yaml" and "task: point" in text]
    assert len((code + project + recipe).splitlines()) < 60
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    (source / "point_task.py").write_text(code)
    (source / "pyproject.toml").write_text(project)
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(site),
        str(source),
    ]
    subprocess.run([sys.executable, *install], check=True)
    (tmp_path / "point.yaml").write_text(recipe)
    path = {"PYTHONPATH": str(site)}
    listed = rsoup("tasks", cwd=tmp_path, **path).stdout
    assert "point\n  a point in the plane" in listed
    assert "locomotion" in listed
    rsoup("soup", "-c", "point.yaml", cwd=tmp_path, **path)
    record = front(tmp_path / "runs" / "point-point")
    assert record["experts"] == ["east", "north"]
    assert record["summary"]["lmc"]["holds"] == 3
    assert "--model.kl" in rsoup("fit", "--task", "point", "--help", cwd=tmp_path, **path).stdout
