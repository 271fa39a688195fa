"""``Launch``: who is to compute the stages of a run, as the command line says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from rsoup_lightning.errors import ConfigError, check_at_least_one
from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.launchers.launcher import Launcher, LauncherName


@dataclass(frozen=True)
class Launch:
    """Stages are computed elsewhere than in this process.

    Attributes:
        launcher: by whom.
        workers: how many at a time; None: as many as there are GPUs for, or cores where there is none; of SLURM: all.
        slurm: options of SLURM's jobs, as :func:`launchers.slurm.checked` returns them.
    """

    launcher: LauncherName
    workers: int | None
    slurm: Mapping[str, Any] = field(default_factory=dict)

    def start(self, run: Path, device: torch.device, count: int, progress: RunProgress, stages: int) -> Launcher:
        """What computes the stages of a run.

        Args:
            run: its folder.
            device: such as they train on.
            count: of the devices that each trains on.
            progress: shows how they go.
            stages: how many are not finished.

        Raises:
            ConfigError: a package that it needs is not installed.
        """
        if self.launcher == "ray":
            from rsoup_lightning.run.launchers.ray import Ray

            return Ray(run, self.workers, count, progress)
        if self.launcher == "slurm":
            from rsoup_lightning.run.launchers.slurm import Slurm

            return Slurm(run, self.workers, self.slurm, progress)
        from rsoup_lightning.run.launchers.local import Local, visible_gpus
        from rsoup_lightning.threads import cores

        gpus = visible_gpus(count) if device.type == "cuda" else []
        return Local(run, self.workers or len(gpus) or max(1, cores() // count), gpus, progress, stages)


def launch_of(launcher: LauncherName, workers: int | None, slurm: Mapping[str, Any] | None = None) -> Launch | None:
    """What options ask for; None: this process.

    Raises:
        ConfigError: fewer than one worker, workers of this process, or options that SLURM's jobs cannot have.
    """
    check_at_least_one(workers=workers)
    if launcher == "slurm":
        from rsoup_lightning.run.launchers.slurm import checked

        return Launch(launcher, workers, checked(slurm or {}))
    if slurm:
        raise ConfigError(f"slurm.{min(slurm)} needs --launcher slurm")
    if launcher == "here":
        if workers is not None:
            raise ConfigError("workers need a launcher: give local, ray or slurm")
        return None
    return Launch(launcher, workers)
