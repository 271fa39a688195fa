"""Tasks of Ray, on a cluster that runs already or on one that is started here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rsoup_lightning.optional import need
from rsoup_lightning.run.launchers.launcher import Ended
from rsoup_lightning.run.progress import RunProgress


@dataclass
class Collected:
    """The progress of a stage that is computed elsewhere, to be shown once it has ended."""

    lines: list[str] = field(default_factory=list)
    epochs: float = 0.0

    def stage(self, name: str, total: int) -> None:
        """Says nothing: the driver has said when it submitted it."""

    def skip(self, epochs: int) -> None:
        self.epochs += epochs

    def advance(self, epochs: float, note: str) -> None:
        self.epochs += epochs

    def say(self, line: str) -> None:
        self.lines.append(line)


class Ray:
    """Computes stages as tasks of Ray, which see the run folder under the same path as the driver.

    It connects to the cluster that ``RAY_ADDRESS`` names or that runs on this machine, and else starts one here.
    Nothing is uploaded: the packages must be installed on every node, and files have the same places there.

    Args:
        run: the run folder.
        workers: into how many parts the cluster's CPU cores and GPUs are cut, one for each stage; None: one per GPU, or
            per core where there is none.
        progress: shows how they go.

    Raises:
        ConfigError: Ray is not installed.
    """

    def __init__(self, run: Path, workers: int | None, progress: RunProgress) -> None:
        self._ray = ray = need("ray", "ray", "ray")
        self._run, self._progress = run.resolve(), progress
        self._owns = not ray.is_initialized()
        if self._owns:
            ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=False)
        resources = part([node["Resources"] for node in ray.nodes() if node["Alive"]], workers)
        # A stage that dies is begun again by the driver, which knows how often.
        self._task = ray.remote(**resources, max_retries=0)(compute)
        self._running: dict[Any, str] = {}

    def submit(self, stage: str) -> None:
        self._progress.say(f"{stage} ...")
        self._running[self._task.remote(str(self._run), os.getcwd(), stage)] = stage

    def wait(self) -> Ended:
        (reference, *_), _ = self._ray.wait([*self._running], num_returns=1)
        stage = self._running.pop(reference)
        try:
            ended, collected = self._ray.get(reference)
        except self._ray.exceptions.RayError:
            return Ended(stage, "its worker or its node is gone (is there too little memory?)", died=True)
        for line in collected.lines:
            self._progress.say(line)
        self._progress.trained(collected.epochs, stage)
        result: Ended = ended
        return result

    def close(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._running.clear()
        if self._owns:
            self._ray.shutdown()


def part(nodes: Sequence[dict[str, float]], workers: int | None) -> dict[str, float]:
    """What a stage asks for: its part of the cluster's CPU cores and GPUs, of no more than a single node has.

    >>> part([{"CPU": 8.0, "GPU": 4.0}, {"CPU": 4.0}], None), part([{"CPU": 8.0}, {"CPU": 4.0}], 2)
    ({'num_cpus': 3, 'num_gpus': 1}, {'num_cpus': 4, 'num_gpus': 0})
    """
    cores, gpus = (sum(int(node.get(kind, 0)) for node in nodes) for kind in ("CPU", "GPU"))
    count = workers or gpus or cores
    smallest = min((int(node["CPU"]) for node in nodes if node.get("CPU")), default=1)
    return {"num_cpus": max(1, min(cores // count, smallest)), "num_gpus": min(1, gpus // count)}


def compute(run: str, folder: str, stage: str) -> tuple[Ended, Collected]:
    """The task: compute a stage of a run, in the folder that the driver works in.

    Returns:
        How it ended, and what it said.
    """
    from rsoup_lightning.run.progress import listening
    from rsoup_lightning.run.quiet import quiet
    from rsoup_lightning.run.worker import Worker

    os.chdir(folder)
    collected = Collected()
    with quiet(), listening(collected.say):
        return Worker(Path(run), collected).attempt(stage), collected
