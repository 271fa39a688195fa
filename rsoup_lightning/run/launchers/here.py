"""One stage after another, in this process: what a run does unless it is told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rsoup_lightning.run.launchers.launcher import Ended, Launcher


class Here(Launcher):
    """Computes stages in an order that does not depend on when they are submitted: one seed's after another's.

    An error ends the run: nobody else is at work that could go on.

    Args:
        compute: computes the stage of that name.
        order: all stages.
    """

    def __init__(self, compute: Callable[[str], None], order: Iterable[str]) -> None:
        self._compute = compute
        self._order = [*order]
        self._submitted: list[str] = []

    def submit(self, stage: str) -> None:
        self._submitted.append(stage)

    def wait(self) -> Ended:
        stage = min(self._submitted, key=self._order.index)
        self._submitted.remove(stage)
        self._compute(stage)
        return Ended(stage)

    def close(self) -> None:
        self._submitted.clear()
