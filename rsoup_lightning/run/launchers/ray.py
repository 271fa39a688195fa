"""Tasks of Ray, on a cluster that runs already or on one that is started here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rsoup_lightning.optional import need
from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.launchers.launcher import Ended, Launcher
from rsoup_lightning.run.launchers.messages import LOOK_EVERY, Watch
from rsoup_lightning.run.launchers.task import StageTask


class Ray(Launcher):
    """Computes stages as tasks of Ray, which see the run folder under the same path as the driver.

    It connects to the cluster that ``RAY_ADDRESS`` names or that runs on this machine, and else starts one here.
    Nothing is uploaded: the packages must be installed on every node, and files have the same places there.

    Args:
        run: the run folder.
        workers: into how many parts the cluster's CPU cores and GPUs are cut, one for each stage; None: as many as
            there are GPUs for, or cores where there is none.
        count: of the devices that each trains on.
        progress: shows how they go.

    Raises:
        ConfigError: Ray is not installed.
    """

    def __init__(self, run: Path, workers: int | None, count: int, progress: RunProgress) -> None:
        self._ray = ray = need("ray", "ray", "ray")
        self._run, self._watch = run.resolve(), Watch(progress)
        self._owns = not ray.is_initialized()
        if self._owns:
            ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=False)
        resources = part([node["Resources"] for node in ray.nodes() if node["Alive"]], workers, count)
        # A stage that dies is begun again by the driver, which knows how often.
        self._call = ray.remote(**resources, max_retries=0)(StageTask.__call__)
        self._running: dict[Any, str] = {}

    def submit(self, stage: str) -> None:
        task = StageTask(self._run, stage)
        task.prepare()
        self._watch.begin(stage, task.log)
        self._running[self._call.remote(task)] = stage

    def wait(self) -> Ended:
        ready: list[Any] = []
        while not ready:
            ready, _ = self._ray.wait([*self._running], num_returns=1, timeout=LOOK_EVERY)
            self._watch.look()
        stage = self._running.pop(ready[0])
        try:
            ended: Ended = self._ray.get(ready[0])
        except self._ray.exceptions.RayTaskError as error:  # it stopped before it could train: no folder, no package
            ended = Ended(stage, f"{type(error.cause).__name__}: {error.cause}")
        except self._ray.exceptions.RayError:
            ended = Ended(stage, "its worker or its node is gone (is there too little memory?)", died=True)
        self._watch.end(stage, well=not ended.died)
        return ended

    def close(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._running.clear()
        if self._owns:
            self._ray.shutdown()


def part(nodes: Sequence[dict[str, float]], workers: int | None, devices: int = 1) -> dict[str, float]:
    """What a stage asks for: its part of the cluster's CPU cores and GPUs, of no more than a single node has.

    Of more workers than GPUs, several share one; of those that train on several, some wait for others.

    >>> part([{"CPU": 8.0, "GPU": 4.0}, {"CPU": 4.0}], None), part([{"CPU": 8.0}, {"CPU": 4.0}], 2)
    ({'num_cpus': 3, 'num_gpus': 1}, {'num_cpus': 4, 'num_gpus': 0})
    >>> part([{"CPU": 64.0, "GPU": 4.0}], 8)["num_gpus"], part([{"CPU": 16.0, "GPU": 4.0}], 4, devices=2)["num_gpus"]
    (0.5, 2)
    """
    cores, gpus = (sum(int(node.get(kind, 0)) for node in nodes) for kind in ("CPU", "GPU"))
    count = workers or max(1, (gpus or cores) // devices)
    smallest = min((int(node["CPU"]) for node in nodes if node.get("CPU")), default=1)
    most = max((int(node.get("GPU", 0)) for node in nodes), default=0)
    share = gpus * 10_000 // count / 10_000  # the finest part of a GPU that Ray deals out
    each = min(devices, most) if devices > 1 or share >= 1 else share or 0
    return {"num_cpus": max(1, min(cores // count, smallest)), "num_gpus": each}
