"""Runs our own commands as a user would: in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

POINT_RECIPE = """
task: tests.conftest:PointFineTuner
model:
  algorithm: {class_path: RLOO, init_args: {completions: 4}}
  optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.02}}
trainer: {accelerator: cpu, max_epochs: 3}
soup:
  init_epochs: 2
  grid: 5
  morl: [{east: 0.5, north: 0.5}]
"""


def environment(**extra: str) -> dict[str, str]:
    """Variables under which the tests package can be imported from any folder."""
    path = os.pathsep.join(filter(None, [extra.pop("PYTHONPATH", ""), str(ROOT)]))
    return {**os.environ, "PYTHONPATH": path, **extra}


def rsoup(*arguments: str, cwd: Path = ROOT, status: int = 0, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m rsoup_lightning`` and require its exit status."""
    done = subprocess.run(
        [sys.executable, "-m", "rsoup_lightning", *arguments],
        cwd=cwd,
        env=environment(**extra),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@contextmanager
def serving(*arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rsoup_lightning", "serve", *arguments, "--port", "0"],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("serving "), line + process.stderr.read()
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.communicate()


def front(folder: Path) -> dict[str, Any]:
    """The front.json of a run folder."""
    return json.loads((folder / "front.json").read_text())
