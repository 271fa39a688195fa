"""Workers on this machine: the same run as one process makes, also when they or their driver are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest
import torch

from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.launchers import local
from rsoup_lightning.run.launchers.launch import Launch
from rsoup_lightning.run.launchers.launcher import Ended
from rsoup_lightning.run.launchers.local import Local, core_shares, visible_gpus
from tests.run.launchers.conftest import SOUP, same
from tests.running import Command, environment, rsoup

KILLS = int(os.environ.get("RSOUP_KILLS", "1"))
"""How many times workers, and drivers, are killed."""
STAGES = 7
"""How many stages of that run say that they begin."""


def started(folder: Path, run_dir: str) -> Command:
    """A driver with two workers."""
    return Command(*SOUP, "--run_dir", run_dir, "--launcher", "local", "--workers", "2", cwd=folder)


def workers(run: Path) -> list[int]:
    """Processes that compute stages of a run, as the system lists them."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0") if process.name.isdecimal() else []
            if b"stage" in words and str(run).encode() in words:
                found.append(int(process.name))
    return found


def gone(run: Path, seconds: float) -> bool:
    """Whether no worker is left after so many seconds."""
    end = time.monotonic() + seconds
    while workers(run) and time.monotonic() < end:
        time.sleep(0.1)
    return not workers(run)


def until_some_moment(driver: Command, seed: int) -> None:
    """Waits until so many stages have begun as chance wants, and a while more."""
    chance = random.Random(seed)
    begun = (line for line in driver.stderr if line.endswith(" ...\n"))
    assert len([*islice(begun, 1 + chance.randrange(STAGES))]) > 0
    time.sleep(chance.uniform(0, 0.5))


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_workers_changes_nothing(folder: Path, count: int) -> None:
    rsoup(*SOUP, "--run_dir", f"w{count}", "--launcher", "local", "--workers", str(count), cwd=folder)
    assert same(folder / "here", folder / f"w{count}")
    assert gone(folder / f"w{count}", 0)


@pytest.mark.parametrize("seed", range(1, 1 + KILLS))
def test_a_worker_that_is_killed_is_replaced(folder: Path, seed: int) -> None:
    run = f"worker-{seed}"
    driver = started(folder, run)
    until_some_moment(driver, seed)
    for worker in workers(folder / run)[:1]:  # at the very end there may be none
        os.kill(worker, signal.SIGKILL)
    _, said = driver.communicate(timeout=300)
    assert driver.wait() == 0, said
    assert same(folder / "here", folder / run) and gone(folder / run, 0)


@pytest.mark.parametrize("seed", range(1, 1 + KILLS))
def test_a_driver_that_is_killed_takes_its_workers_along_and_may_go_on_elsewhere(folder: Path, seed: int) -> None:
    run = f"driver-{seed}"
    driver = started(folder, run)
    until_some_moment(driver, seed)
    driver.kill()
    driver.wait()
    assert gone(folder / run, 15)
    rsoup(*SOUP, "--run_dir", run, cwd=folder)
    assert same(folder / "here", folder / run)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_driver_ends_its_workers_first(folder: Path, number: int, status: int) -> None:
    run = f"interrupted-{status}"
    driver = started(folder, run)
    until_some_moment(driver, 1)
    driver.send_signal(number)
    _, said = driver.communicate(timeout=60)
    assert driver.wait() == status and "goes on from the last checkpoint" in said, said
    assert gone(folder / run, 0)


SCRIPT = """
import sys
import mine
from rsoup_lightning import soup

overrides = {"trainer": {"accelerator": "cpu", "max_epochs": 1, "log_every_n_steps": 2}, "soup.grid": 3}
overrides["trainer"]["logger"] = {"class_path": "CSVLogger", "init_args": {"save_dir": "logs"}}
for launcher in ("here", "local"):
    soup(mine.Mine, launcher, seeds=[3, 4], overrides=overrides, launcher=launcher)
"""


def test_a_script_s_own_modules_are_found_by_workers_and_seeds_and_logs_are_the_same(tmp_path: Path) -> None:
    mine = "from tests.conftest import PointFineTuner\n\nclass Mine(PointFineTuner):\n    pass\n"
    for name, text in (("script.py", SCRIPT), ("mine.py", mine)):
        (tmp_path / "scripts" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "scripts" / name).write_text(text)
    command = [sys.executable, str(tmp_path / "scripts" / "script.py")]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "seed-4/experts/north (μ: north 1) ..." in done.stderr.splitlines()
    one, other = tmp_path / "here", tmp_path / "local"
    assert all(same(one / seed, other / seed) for seed in ("seed-3", "seed-4"))
    logs = [str(file.relative_to(one)) for file in one.rglob("metrics.csv")]
    assert len(logs) == 4
    for name in ("front.json", *logs):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def posing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Have a shell script pose as the workers' Python."""
    (tmp_path / "python").write_text(f"#!/bin/sh\n{body}\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))


def test_a_worker_s_children_end_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posing(tmp_path, monkeypatch, "sleep 600 & kill -9 $$")
    launcher = Local(tmp_path, 1, [], RunProgress("", 0))
    launcher.submit("init")
    assert launcher.wait() == Ended("init", "its worker was killed (is there too little memory?)", died=True)


def test_how_a_worker_ended_is_said_and_where_more_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posing(tmp_path, monkeypatch, "echo no such module >&2; exit 3")
    launcher = Local(tmp_path, 1, [], RunProgress("", 0))
    launcher.submit("init")
    log = tmp_path / ".workers" / "local-0.log"
    assert launcher.wait().error == f"its worker ended with status 3: see {log}"
    assert log.read_text() == "no such module\n"


def test_workers_are_started_before_there_is_anything_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posing(tmp_path, monkeypatch, f"echo > {tmp_path}/started-$$; read -r stage")
    launcher = Local(tmp_path, 3, [], RunProgress("", 0), stages=2)
    end = time.monotonic() + 30
    while len([*tmp_path.glob("started-*")]) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert len(launcher._processes) == 2
    launcher.close()


def test_workers_that_hang_are_ended_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "GRACE", 1.0)
    posing(tmp_path, monkeypatch, "sleep 600")
    launcher = Local(tmp_path, 4, [], RunProgress("", 0))
    for stage in "abcd":
        launcher.submit(stage)
    start = time.monotonic()
    launcher.close()
    assert time.monotonic() - start < 3


def test_a_worker_stays_with_a_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = '{"ended": {"stage": "\'$stage\'", "error": "", "died": false}}'
    posing(tmp_path, monkeypatch, f"while read -r stage; do echo '{done}'; done")
    launcher = Local(tmp_path, 1, [], RunProgress("", 0))
    for stage in ("seed-0/init", "seed-1/init", "seed-1/experts/a", "seed-0/experts/a"):
        launcher.submit(stage)
    order = [launcher.wait().stage for _ in range(4)]
    launcher.close()
    assert order == ["seed-0/init", "seed-0/experts/a", "seed-1/init", "seed-1/experts/a"]


def test_what_workers_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posing(tmp_path, monkeypatch, f'echo "$OMP_NUM_THREADS $CUDA_VISIBLE_DEVICES $PYTHONPATH" > {tmp_path}/given-$8')
    monkeypatch.setattr(local, "core_numbers", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as OMP_NUM_THREADS of the driver does
    try:
        launcher = Local(tmp_path, 2, visible_gpus(), RunProgress("", 0))
        for stage in "ab":
            launcher.submit(stage)
        launcher.close()
    finally:
        torch.set_num_threads(threads)
    path = os.pathsep.join(sys.path)
    given = [(tmp_path / f"given-{core}").read_text() for core in (1, 3)]
    assert given == [f"1 3 {path}\n", f"1 5 {path}\n"]


@pytest.mark.parametrize(
    ("device", "together", "count"), [("cuda", 1, 4), ("cuda", 2, 2), ("cuda", 3, 1), ("cpu", 1, 3), ("cpu", 4, 1)]
)
def test_as_many_workers_as_gpus_or_cores(
    monkeypatch: pytest.MonkeyPatch, device: str, together: int, count: int
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr("rsoup_lightning.threads.core_numbers", lambda: [0, 1, 2])
    launcher = Launch("local", None).start(Path(), torch.device(device), together, RunProgress("", 0), 0)
    assert isinstance(launcher, Local) and len(launcher._shares) == count


def test_a_worker_sees_the_gpus_of_its_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 5)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus(2) == ["0,1", "2,3"] and visible_gpus(6) == []


def test_an_error_of_the_recipe_ends_in_status_2_and_says_which_stage(folder: Path) -> None:
    options = ("--model.optimizer.lr", ".nan", "--run_dir", "broken", "--launcher", "local", "--workers", "2")
    done = rsoup(*SOUP, *options, cwd=folder, status=2)
    assert "rsoup: init: " in done.stderr and "Traceback" not in done.stderr and "stages wait for that" in done.stderr


def test_cores_are_shared_out() -> None:
    assert core_shares([0, 1, 2, 3, 4], 2) == [[0, 1], [2, 3, 4]]
    assert [len(share) for share in core_shares([*range(7)], 3)] == [2, 2, 3]
