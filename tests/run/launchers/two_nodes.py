"""A run on a cluster of Ray with two nodes on this machine, one of which is taken away while it computes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from threading import Thread

import ray
from ray.cluster_utils import Cluster

from rsoup_lightning.__main__ import main
from rsoup_lightning.run.folders.folder import WORKERS
from rsoup_lightning.run.folders.lock import LOCK


def run(folder: Path, arguments: list[str]) -> int:
    """Run a command with the launcher, and take the second node away once both compute a training."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")

    def take_away() -> None:
        trainings = [folder / WORKERS / name / LOCK for name in ("experts/east", "experts/north", "baselines/morl/0")]
        while sum(lock.exists() for lock in trainings) < 2:
            time.sleep(0.02)
        cluster.remove_node(second, allow_graceful=False)

    Thread(target=take_away, daemon=True).start()
    try:
        return main([*arguments, "--run_dir", str(folder), "--launcher", "ray"])
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
