"""Worker processes on this machine, which share its cores and GPUs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import torch

from rsoup_lightning.run.folder import WORKERS
from rsoup_lightning.run.launchers.launcher import Ended
from rsoup_lightning.run.progress import StageProgress
from rsoup_lightning.threads import core_numbers

GRACE = 10.0
"""Seconds in which a worker whose driver has left must be gone."""


class Process:
    """A worker process: ``rsoup stage RUN -``, which reads names of stages, and says how each goes.

    It ends at once when its standard input does, also when its driver is killed.

    Args:
        run: the run folder.
        cores: numbers of the CPU cores that it may use.
        gpu: which one it sees; empty: as this process.
        log: file for what it prints.
    """

    def __init__(self, run: Path, cores: Sequence[int], gpu: str, log: Path) -> None:
        threads = {name: str(len(cores)) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        visible = {"CUDA_VISIBLE_DEVICES": gpu} if gpu else {}
        command = [sys.executable, "-m", "rsoup_lightning", "stage", str(run), "-", "--cores", *map(str, cores)]
        self.log = log
        self.stage = ""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env={**os.environ, **threads, **visible},
                start_new_session=True,  # Ctrl-C is the driver's, who then closes
            )

    def give(self, stage: str) -> None:
        """Let it compute a stage."""
        assert self.process.stdin is not None
        self.stage = stage
        with suppress(BrokenPipeError):  # it has died: who reads its output will hear of that
            self.process.stdin.write(f"{stage}\n".encode())
            self.process.stdin.flush()

    def end(self) -> None:
        """Have it end, with all of its children."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Local:
    """Computes stages in several processes.

    Args:
        run: the run folder.
        workers: how many processes.
        gpus: what ``CUDA_VISIBLE_DEVICES`` calls the GPUs that they share.
        progress: shows how they go.
    """

    def __init__(self, run: Path, workers: int, gpus: Sequence[str], progress: StageProgress) -> None:
        self._run, self._gpus, self._progress = run.resolve(), gpus, progress
        self._shares = shares(core_numbers(), workers)
        self._processes: dict[int, Process] = {}
        self._waiting: deque[str] = deque()
        self._heard: SimpleQueue[tuple[int, bytes]] = SimpleQueue()

    def submit(self, stage: str) -> None:
        self._waiting.append(stage)
        self._hand_out()

    def wait(self) -> Ended:
        while True:
            place, line = self._heard.get()
            ended = self._hear(place, line)
            if ended:
                self._hand_out()
                return ended

    def close(self) -> None:
        self._waiting.clear()
        for process in self._processes.values():
            process.end()
        self._processes.clear()

    def _hand_out(self) -> None:
        """Give what waits to whoever is idle, or may be started."""
        for place in range(len(self._shares)):
            if not self._waiting:
                return
            if place not in self._processes:
                self._start(place)
            if not self._processes[place].stage:
                self._processes[place].give(self._waiting.popleft())

    def _start(self, place: int) -> None:
        gpu = self._gpus[place % len(self._gpus)] if self._gpus else ""
        process = Process(self._run, self._shares[place], gpu, self._run / WORKERS / f"local-{place}.log")
        self._processes[place] = process
        Thread(target=self._listen, args=(place, process), daemon=True).start()

    def _listen(self, place: int, process: Process) -> None:
        assert process.process.stdout is not None
        for line in process.process.stdout:
            self._heard.put((place, line))
        self._heard.put((place, b""))

    def _hear(self, place: int, line: bytes) -> Ended | None:
        """What a worker says; nothing at all where it has died."""
        if not line:
            process = self._processes.pop(place)
            process.end()
            return Ended(process.stage, died=True) if process.stage else None
        message = json.loads(line)
        if "ended" in message:
            self._processes[place].stage = ""
            return Ended(**message["ended"])
        if "say" in message:
            self._progress.say(message["say"])
        elif "skip" in message:
            self._progress.skip(message["skip"])
        else:
            self._progress.advance(message["advance"], message["note"])
        return None


def shares(cores: Sequence[int], workers: int) -> list[list[int]]:
    """Cores for each of the workers: all are used, and none by two where there are enough.

    >>> shares([0, 1, 2, 3], 2), shares([0, 1], 3)
    ([[0, 1], [2, 3]], [[0], [1], [0]])
    """
    if workers >= len(cores):
        return [[cores[place % len(cores)]] for place in range(workers)]
    edges = [place * len(cores) // workers for place in range(workers + 1)]
    return [list(cores[first:last]) for first, last in pairwise(edges)]


def visible_gpus() -> list[str]:
    """What ``CUDA_VISIBLE_DEVICES`` calls the GPUs of this process."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return listed.split(",")[:count] if listed else [str(number) for number in range(count)]
