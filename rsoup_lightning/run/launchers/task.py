"""``StageTask``: a stage as an engine computes it on another machine, where all files have the same places."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rsoup_lightning.run.folders.folder import WORKERS
from rsoup_lightning.run.launchers.launcher import Ended
from rsoup_lightning.run.launchers.messages import Messages


@dataclass(frozen=True)
class StageTask:
    """Call it to compute the stage; how that goes is written into :attr:`log`, also where it is called again.

    Attributes:
        run: the run folder.
        stage: its name.
        folder: the one that the driver works in.
        path: where the driver finds modules, a script's own among them.
    """

    run: Path
    stage: str
    folder: Path = field(default_factory=Path.cwd)
    path: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))

    @property
    def place(self) -> Path:
        """The folder of what concerns its computation."""
        return self.run / WORKERS / self.stage

    @property
    def log(self) -> Path:
        """The file of its messages."""
        return self.place / "messages.jsonl"

    def prepare(self) -> None:
        """Forget the messages of earlier ones."""
        self.place.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)

    def __call__(self) -> Ended:
        os.chdir(self.folder)
        sys.path += [place for place in self.path if place not in sys.path]
        from rsoup_lightning.run.console.progress import listening
        from rsoup_lightning.run.console.quiet import quiet
        from rsoup_lightning.run.worker import Worker

        with self.log.open("a", encoding="utf-8") as stream, quiet():
            messages = Messages(stream)
            with listening(messages.say), closing(Worker(self.run, messages)) as worker:
                ended = worker.attempt(self.stage)
            messages.ended(ended)
            return ended

    def checkpoint(self) -> Any:
        """What submitit queues again where a job is to leave: the same, which goes on from the stage's checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)
