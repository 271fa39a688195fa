"""What a driver asks of whoever computes stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

LauncherName = Literal["here", "local", "ray", "slurm"]
LAUNCHERS: tuple[LauncherName, ...] = get_args(LauncherName)


@dataclass(frozen=True)
class Ended:
    """How a stage ended.

    Attributes:
        stage: its name.
        error: why it cannot be computed, in a line; empty: it is finished.
        died: its worker ended without a word, killed or out of memory: another try may succeed.
    """

    stage: str
    error: str = ""
    died: bool = False


class Launcher(Protocol):
    """Computes stages that do not depend on each other, in any order and place.

    A stage is idempotent: it begins where it stopped, and one that is finished ends at once.
    """

    def submit(self, stage: str) -> None:
        """Take on a stage; returns at once."""

    def wait(self) -> Ended:
        """Block until one of the stages that were submitted has ended."""

    def close(self) -> None:
        """Stop what is still computed, and leave no process behind."""
