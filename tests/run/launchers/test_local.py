"""Workers on this machine: the same run as one process makes, also when they or their driver are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.run.launchers import launch_of
from rsoup_lightning.run.launchers.local import shares
from tests.running import POINT_RECIPE, environment, rsoup

KILLS = int(os.environ.get("RSOUP_KILLS", "1"))
"""How many times workers, and drivers, are killed."""
SOUP = ("soup", "-c", "point.yaml", "--soup.normalise", "2", "--seed_everything", "3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("local")
    (folder / "point.yaml").write_text(POINT_RECIPE)
    rsoup(*SOUP, "--run_dir", "here", cwd=folder)
    return folder


def same(one: Path, other: Path) -> bool:
    """Whether two runs have the same front, weights and things shown, byte for byte."""
    names = ["front.json", *(str(file.relative_to(one)) for file in one.rglob("*.safetensors"))]
    names += [str(file.relative_to(one)) for file in (one / "shown").iterdir()]
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def started(folder: Path, run_dir: str) -> subprocess.Popen[str]:
    """A driver with two workers."""
    command = [sys.executable, "-m", "rsoup_lightning", *SOUP, "--run_dir", run_dir, "--launcher", "local"]
    return subprocess.Popen(
        [*command, "--workers", "2"], cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True
    )


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


def until_some_moment(driver: subprocess.Popen[str], seed: int) -> None:
    """Waits for the first stage, and a while by chance."""
    assert driver.stderr is not None
    assert any("init" in line for line in driver.stderr)
    time.sleep(random.Random(seed).uniform(0, 1.5))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_number_of_workers_changes_nothing(folder: Path, count: int) -> None:
    rsoup(*SOUP, "--run_dir", f"w{count}", "--launcher", "local", "--workers", str(count), cwd=folder)
    assert same(folder / "here", folder / f"w{count}")
    assert gone(folder / f"w{count}", 0)


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_worker_that_is_killed_is_replaced(folder: Path, seed: int) -> None:
    run = f"worker-{seed}"
    driver = started(folder, run)
    until_some_moment(driver, seed)
    os.kill(workers(folder / run)[0], signal.SIGKILL)
    _, said = driver.communicate(timeout=300)
    assert driver.returncode == 0, said
    assert same(folder / "here", folder / run) and gone(folder / run, 0)


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_driver_that_is_killed_takes_its_workers_along_and_may_go_on_elsewhere(folder: Path, seed: int) -> None:
    run = f"driver-{seed}"
    driver = started(folder, run)
    until_some_moment(driver, seed)
    assert workers(folder / run)
    driver.kill()
    driver.wait()
    assert gone(folder / run, 15)
    rsoup(*SOUP, "--run_dir", run, cwd=folder)
    assert same(folder / "here", folder / run)


def test_an_error_of_the_recipe_ends_in_status_2_and_says_which_stage(folder: Path) -> None:
    options = ("--model.optimizer.lr", ".nan", "--run_dir", "broken", "--launcher", "local", "--workers", "2")
    done = rsoup(*SOUP, *options, cwd=folder, status=2)
    assert "rsoup: init: " in done.stderr and "Traceback" not in done.stderr and "stages wait for that" in done.stderr


def test_cores_are_shared_out() -> None:
    assert shares([0, 1, 2, 3, 4], 2) == [[0, 1], [2, 3, 4]]
    assert [len(share) for share in shares([*range(7)], 3)] == [2, 2, 3]


def test_workers_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="workers is 0"):
        launch_of("local", 0)
    with pytest.raises(ConfigError, match="workers need a launcher: give local or ray"):
        launch_of("here", 2)
    assert launch_of("here", None) is None
