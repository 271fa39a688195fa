"""Tasks of Ray: the same run as one process makes, also when a node is taken away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.launchers.launcher import Ended
from rsoup_lightning.run.launchers.messages import Watch
from rsoup_lightning.run.launchers.ray import Ray
from tests.run.launchers.conftest import same
from tests.running import POINT_RECIPE, environment, rsoup

ray = pytest.importorskip("ray")

SOUP = ("soup", "-c", "point.yaml", "--trainer.max_epochs", "40")  # long enough for a node to leave
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_process_group_cleanup_enabled": "1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    rsoup(*SOUP, "--run_dir", "here", cwd=tmp_path)
    return tmp_path


def test_a_node_is_taken_away(folder: Path) -> None:
    command = [sys.executable, "-m", "tests.run.launchers.two_nodes", str(folder / "there"), *SOUP]
    variables = environment(**LOOPBACK)
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "is gone (is there too little memory?); it begins again where it stopped (1/2)" in done.stderr
    assert same(folder / "here", folder / "there")


def test_what_stops_a_task_before_it_trains_is_said_and_not_tried_again(tmp_path: Path) -> None:
    def gone(reference: object) -> None:
        raise ray.exceptions.RayTaskError("call", "its traceback", FileNotFoundError("no such folder: runs"))

    launcher = Ray.__new__(Ray)  # without a cluster
    launcher._ray = SimpleNamespace(wait=lambda *args, **how: (["task"], []), get=gone, exceptions=ray.exceptions)
    launcher._watch = Watch(RunProgress("run", 1))
    launcher._watch.begin("init", tmp_path / "init.log")
    launcher._running = {"task": "init"}
    assert launcher.wait() == Ended("init", "FileNotFoundError: no such folder: runs")
