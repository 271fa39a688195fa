"""One stage after another, in this process: what a run does unless it is told otherwise."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rsoup_lightning.run.launchers.launcher import Ended


class Here:
    """Computes stages in the order in which they are submitted.

    An error ends the run: nobody else is at work that could go on.

    Args:
        compute: computes the stage of that name.
    """

    def __init__(self, compute: Callable[[str], None]) -> None:
        self._compute = compute
        self._submitted: deque[str] = deque()

    def submit(self, stage: str) -> None:
        self._submitted.append(stage)

    def wait(self) -> Ended:
        stage = self._submitted.popleft()
        self._compute(stage)
        return Ended(stage)

    def close(self) -> None:
        self._submitted.clear()
