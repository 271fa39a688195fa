"""Who computes the stages of a run: each launcher is one file behind one small protocol."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from rsoup_lightning.errors import ConfigError, check_at_least_one
from rsoup_lightning.run.launchers.here import Here
from rsoup_lightning.run.launchers.launcher import Ended, Launcher
from rsoup_lightning.run.progress import StageProgress

__all__ = ["LAUNCHERS", "Ended", "Here", "Launch", "Launcher", "LauncherName", "launch_of"]

LauncherName = Literal["here", "local"]
LAUNCHERS: tuple[LauncherName, ...] = get_args(LauncherName)


@dataclass(frozen=True)
class Launch:
    """Stages are computed by processes on this machine.

    Attributes:
        workers: how many; None: one per GPU, or per core where there is none.
    """

    workers: int | None

    def launcher(self, run: Path, progress: StageProgress) -> Launcher:
        """What computes the stages of a run."""
        from rsoup_lightning.run.launchers.local import Local, visible_gpus
        from rsoup_lightning.threads import cores

        gpus = visible_gpus()
        return Local(run, self.workers or len(gpus) or cores(), gpus, progress)


def launch_of(launcher: LauncherName, workers: int | None) -> Launch | None:
    """What options ask for; None: this process.

    Raises:
        ConfigError: fewer than one worker, or workers of this process.
    """
    check_at_least_one(workers=workers)
    if launcher == "here":
        if workers is not None:
            raise ConfigError("workers need a launcher: give local")
        return None
    return Launch(workers)
