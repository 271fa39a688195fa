"""Worker processes on this machine, which share its cores and GPUs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import torch

from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.folders.folder import WORKERS
from rsoup_lightning.run.launchers.launcher import Ended, Launcher
from rsoup_lightning.run.launchers.messages import hear
from rsoup_lightning.threads import core_numbers

GRACE = 5.0
"""Seconds in which workers end by themselves when their driver leaves."""
LISTEN_EVERY = 60.0
"""Seconds after which it is asked again who tells nothing."""


class Process:
    """A worker process: ``rsoup stage RUN -``, which reads names of stages, and says how each goes.

    It ends at once when its standard input or lifeline does, also when its driver is killed.

    Args:
        run: the run folder.
        cores: numbers of the CPU cores that it may use.
        gpu: which ones it sees, separated by commas; empty: as this process.
        log: file for what it prints.
        **more: environment variables beside those of this process.
    """

    def __init__(self, run: Path, cores: Sequence[int], gpu: str, log: Path, **more: str) -> None:
        threads = str(min(torch.get_num_threads(), len(cores)))  # no more than this process was given
        variables = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "PYTHONPATH": os.pathsep.join(sys.path)}
        variables |= {"CUDA_VISIBLE_DEVICES": gpu, **more} if gpu else more
        near, far = os.pipe()
        self._lifeline = os.fdopen(far, "wb")
        command = [sys.executable, "-m", "rsoup_lightning", "stage", str(run), "-"]
        if sys.platform == "linux":
            command += ["--cores", *map(str, cores), "--lifeline", str(near)]
        self.log = log
        self.stage = self._last = ""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env={**os.environ, **variables},
                start_new_session=True,  # Ctrl-C is the driver's, who then closes
                pass_fds=[near],
            )
        os.close(near)
        self._reaper = Thread(target=self._reap, daemon=True)
        self._reaper.start()

    def listen(self, hear: Callable[[bytes], None]) -> None:
        """Hand ``hear`` each line that it says from now on, and an empty one when it ends."""
        Thread(target=self._listen, args=(hear,), daemon=True).start()

    def give(self, stage: str) -> None:
        """Let it compute a stage."""
        assert self.process.stdin is not None
        self.stage = self._last = stage
        with suppress(BrokenPipeError):  # it has died: who reads its output will hear of that
            self.process.stdin.write(f"{stage}\n".encode())
            self.process.stdin.flush()

    def is_ready_for(self, stage: str) -> bool:
        """Whether it has the model of that stage's seed in memory: of another, it would build another."""
        return stage.split("/")[0] == self._last.split("/")[0]

    def dismiss(self) -> None:
        """Tell it to end."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self._lifeline.close()

    def end(self, seconds: float) -> None:
        """Have it end, with all of its children, by itself if it does so in time."""
        self.dismiss()
        self._reaper.join(seconds)
        self._kill()
        self._reaper.join()
        self.process.wait()

    def is_gone(self, seconds: float) -> bool:
        """Whether it has ended by itself after so many seconds."""
        self._reaper.join(seconds)
        return not self._reaper.is_alive()

    def fate(self) -> str:
        """How it died."""
        status = self.process.wait()
        if status == -signal.SIGKILL:
            return "its worker was killed (is there too little memory?)"
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        return f"its worker ended {how}: see {self.log}"

    def _listen(self, hear: Callable[[bytes], None]) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as said:
            for line in said:
                hear(line)
        hear(b"")

    def _reap(self) -> None:
        """Wait for its end, and end its children: they would keep its output open, and what it has locked."""
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Local(Launcher):
    """Computes stages in several processes.

    Args:
        run: the run folder.
        workers: how many processes.
        gpus: what ``CUDA_VISIBLE_DEVICES`` calls the GPUs that they share.
        progress: shows how they go.
        stages: for how many to start workers at once, before they are submitted: a start takes seconds.
    """

    def __init__(self, run: Path, workers: int, gpus: Sequence[str], progress: RunProgress, stages: int = 0) -> None:
        self._run, self._gpus = run.resolve(), gpus
        self._shares = core_shares(core_numbers(), workers)
        self._bars = [progress.beside() for _ in self._shares]
        self._processes: dict[int, Process] = {}
        self._waiting: deque[str] = deque()
        self._heard: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
        for place in range(min(stages, len(self._shares))):
            self._start(place)

    def submit(self, stage: str) -> None:
        self._waiting.append(stage)
        self._hand_out()

    def wait(self) -> Ended:
        while True:
            for bar in self._bars:
                bar.listen()
            try:
                place, line = self._heard.get(timeout=LISTEN_EVERY)
            except Empty:
                continue
            ended = self._hear(place, line)
            if ended:
                self._hand_out()
                return ended

    def close(self) -> None:
        self._waiting.clear()
        for process in self._processes.values():
            process.dismiss()
        end = time.monotonic() + GRACE
        for process in self._processes.values():
            process.end(max(0.0, end - time.monotonic()))
        self._processes.clear()

    def _hand_out(self) -> None:
        """Give what waits to whoever is idle, or may be started."""
        for place in range(len(self._shares)):
            if not self._waiting:
                return
            if place not in self._processes:
                self._start(place)
            process = self._processes[place]
            if not process.stage:
                stage = next(filter(process.is_ready_for, self._waiting), self._waiting[0])
                self._waiting.remove(stage)
                process.give(stage)

    def _start(self, place: int) -> None:
        gpu = self._gpus[place % len(self._gpus)] if self._gpus else ""
        process = Process(self._run, self._shares[place], gpu, self._run / WORKERS / f"local-{place}.log")
        self._processes[place] = process
        process.listen(lambda line: self._heard.put((place, line)))

    def _hear(self, place: int, line: bytes) -> Ended | None:
        """What a worker says; nothing at all where it has died."""
        bar = self._bars[place]
        if not line:
            process = self._processes.pop(place)
            process.end(GRACE)
            bar.ended(well=not process.stage)
            return Ended(process.stage, process.fate(), died=True) if process.stage else None
        ended = hear(json.loads(line), self._processes[place].stage, bar)
        if ended:
            self._processes[place].stage = ""
        return ended


def core_shares(cores: Sequence[int], workers: int) -> list[list[int]]:
    """Cores for each of the workers: all are used, and none by two where there are enough.

    >>> core_shares([0, 1, 2, 3], 2), core_shares([0, 1], 3)
    ([[0, 1], [2, 3]], [[0], [1], [0]])
    """
    if workers >= len(cores):
        return [[cores[place % len(cores)]] for place in range(workers)]
    edges = [place * len(cores) // workers for place in range(workers + 1)]
    return [list(cores[first:last]) for first, last in pairwise(edges)]


def visible_gpus(together: int = 1) -> list[str]:
    """What ``CUDA_VISIBLE_DEVICES`` calls the GPUs of this process, so many at a time."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    names = [name.strip() for name in listed.split(",")][:count] if listed else [str(number) for number in range(count)]
    return [",".join(names[last - together : last]) for last in range(together, count + 1, together)]
