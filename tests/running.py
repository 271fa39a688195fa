"""Runs our own commands as a user would: in a process of their own."""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

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
WITHOUT_MORL = ["--soup.morl", "[]"]
"""For methods whose experts are none of MORL's trainings."""
IMPORTED = [
    *(f"rsoup_lightning.commands.{name}" for name in ("bench", "fit", "serve", "soup")),
    *(f"rsoup_lightning.modalities.{name}" for name in ("diffusion", "language", "vision_language")),
    "rsoup_lightning.explorer.app",
    "rsoup_lightning.run.experiment",
    "rsoup_lightning.serving.app",
    "tasks.locomotion.module",
    "transformers.models.llama.modeling_llama",
    "diffusers",
    "open_clip",
    "peft",
    "tests.running",
]
"""What takes long to import, and so is imported once: processes are forked from one that has done nothing else."""


def environment(**extra: str) -> dict[str, str]:
    """Variables under which the tests package can be imported from any folder."""
    path = os.pathsep.join(filter(None, [extra.pop("PYTHONPATH", ""), str(ROOT)]))
    return {**os.environ, "PYTHONPATH": path, **extra}


class Command:
    """``python -m PROGRAM ARGUMENTS`` in a process of its own, with the methods of ``subprocess.Popen``.

    Attributes:
        stdout: the end of a pipe to read from.
        stderr: another.
    """

    def __init__(
        self, *arguments: str, cwd: Path | None = None, program: str = "rsoup_lightning", **extra: str
    ) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        with patch.dict(os.environ, environment()):
            forkserver.ensure_running()
        readers, writers = zip(*(context.Pipe(duplex=False) for _ in range(2)), strict=True)
        line = (program, arguments, cwd or Path.cwd(), environment(**extra), *writers)
        self._process = context.Process(target=_run, args=line)
        self._process.start()
        for writer in writers:
            writer.close()
        self.stdout, self.stderr = (os.fdopen(os.dup(reader.fileno())) for reader in readers)
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        """Its exit status, the number of a signal below zero; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("rsoup", timeout or 0)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it printed that has not been read, once it has ended."""
        pool = ThreadPoolExecutor()
        out, err = (pool.submit(stream.read) for stream in (self.stdout, self.stderr))
        pool.shutdown(wait=False)
        self.wait(timeout)
        return out.result(), err.result()

    def send_signal(self, number: int) -> None:
        """To it, where it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def _run(
    program: str, arguments: tuple[str, ...], cwd: Path, variables: dict[str, str], out: Connection, err: Connection
) -> None:
    """As ``python -m`` does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
    for number, stream in enumerate((out, err), start=1):
        os.dup2(stream.fileno(), number)
        stream.close()
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(cwd)
    sys.path[:0] = [str(cwd), *variables["PYTHONPATH"].split(os.pathsep)]
    sys.argv = [program, *arguments]
    sys.modules.pop(f"{program}.__main__", None)  # that of this process, which the tests import
    try:
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # which the end of a forked process leaves out


def rsoup(*arguments: str, cwd: Path = ROOT, status: int = 0, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m rsoup_lightning`` and require its exit status."""
    command = Command(*arguments, cwd=cwd, **extra)
    done = subprocess.CompletedProcess(arguments, 0, *command.communicate())
    done.returncode = command.wait()
    assert done.returncode == status, done.stdout + done.stderr
    return done


@contextmanager
def serving(*arguments: str, **variables: str) -> Iterator[tuple[Command, str]]:
    """A server in a process of its own, and the address that it prints."""
    process = Command("serve", *arguments, "--port", "0", **variables)
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
