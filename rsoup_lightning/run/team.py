"""``Team``: processes of this machine that train a stage together, where a recipe asks for several devices."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import torch
from torch.distributed import TCPStore

from rsoup_lightning.errors import StageError, WorkerDiedError
from rsoup_lightning.run.console.progress import StageProgress
from rsoup_lightning.run.experiment import Experiment
from rsoup_lightning.run.folders.folder import WORKERS
from rsoup_lightning.run.launchers.local import GRACE, Process, core_shares
from rsoup_lightning.run.launchers.messages import pass_on
from rsoup_lightning.threads import core_numbers

LOOPBACK = {"MASTER_ADDR": "127.0.0.1", "NODE_RANK": "0", "TORCHELASTIC_USE_AGENT_STORE": "True"}
"""What tells Lightning that others have started its processes, and torch that another has opened their port."""


class Team:
    """Computes stages in this process, or, if a training is to use several devices, in as many processes.

    They are started for the first training, each with the model in memory, and are there until the team is closed or
    this process ends. An error in one of them ends them all.

    Args:
        run: the run folder; of several seeds, that of them all.
        progress: where to show how it goes.
    """

    def __init__(self, run: Path, progress: StageProgress) -> None:
        self._run, self._progress = run.resolve(), progress
        self._processes: list[Process] = []
        self._heard: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
        self._store: TCPStore | None = None

    def compute(self, experiment: Experiment, name: str, whole_name: str) -> None:
        """Compute a stage, and record that it is finished.

        Args:
            experiment: of which it is.
            name: of the stage.
            whole_name: with that of its seed, where there are several.

        Raises:
            WorkerDiedError: one of the processes was killed.
            StageError: it is to train on several machines.
            RSoupError: whatever stops it; what was computed until then stays, and the same call goes on from there.
        """
        size, nodes = experiment.recipe.team, experiment.recipe.config.trainer.num_nodes
        if size == 1 or name not in experiment.plan.trainings:
            experiment.compute(name)
        elif name not in experiment.finished:
            if nodes > 1:
                command = f"torchrun --nnodes {nodes} --nproc_per_node {size // nodes} -m rsoup_lightning stage"
                raise StageError(f"{name} trains on {nodes} nodes: start {command} {self._run} {whole_name} on each")
            experiment.module.cpu()
            torch.cuda.empty_cache()
            try:
                self._train(size, whole_name)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """End its processes."""
        for process in self._processes:
            process.dismiss()
        for process in self._processes:
            process.end(GRACE)
        self._processes, self._heard, self._store = [], SimpleQueue(), None

    def _train(self, size: int, stage: str) -> None:
        if not self._processes:
            self._start(size)
        for process in self._processes:
            process.give(stage)
        busy = {*range(size)}
        while busy:
            rank, line = self._heard.get()
            message: dict[str, Any] = json.loads(line or "{}")
            if not line:
                message["ended"] = {"error": self._processes[rank].fate(), "died": True}
            if "ended" not in message:
                if rank == 0 or message.get("say", "").startswith("Traceback"):
                    pass_on(message, self._progress)
                continue
            busy.remove(rank)
            if message["ended"]["error"]:
                raise self._failure(**message["ended"])

    def _start(self, size: int) -> None:
        self._store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        variables = {**LOOPBACK, "MASTER_PORT": str(self._store.port), "WORLD_SIZE": str(size)}
        if sys.platform == "linux":
            variables["GLOO_SOCKET_IFNAME"] = "lo"
        for rank, cores in enumerate(core_shares(core_numbers(), size)):
            log = self._run / WORKERS / f"rank-{rank}-of-{os.getpid()}.log"
            process = Process(self._run, cores, "", log, **variables, LOCAL_RANK=str(rank))
            process.listen(partial(_note, self._heard, rank))
            self._processes.append(process)

    def _failure(self, error: str, *, died: bool, **rest: str) -> StageError:
        """The error of one process, unless another has died: that is what it then ails of."""
        if died:
            return WorkerDiedError(error)
        dead = [process for process in self._processes if process.is_gone(1.0)]
        return WorkerDiedError(dead[0].fate()) if dead else StageError(error)


def _note(heard: SimpleQueue[tuple[int, bytes]], rank: int, line: bytes) -> None:
    heard.put((rank, line))
