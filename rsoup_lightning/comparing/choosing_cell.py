"""Cells that first choose: variants of a method are tried for a fifth of the epochs, and the best one is run."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rsoup_lightning.comparing.cell import Cell
from rsoup_lightning.comparing.record import CellResult
from rsoup_lightning.comparing.run_cell import RunCell
from rsoup_lightning.errors import ConfigError, RSoupError, RSoupWarning
from rsoup_lightning.run.launchers.launch import Launch


@dataclass(frozen=True)
class ChoosingCell(Cell):
    """The run of the variant whose short run had the highest hypervolume on the development split.

    Attributes:
        tried: the short run of each variant, by its name.
        whole: the run of each variant, of which one is run.
    """

    tried: dict[str, RunCell]
    whole: dict[str, RunCell]

    @property
    def finished(self) -> bool:
        return any(cell.finished for cell in self.whole.values())

    @property
    def parts(self) -> Sequence[Cell]:
        return [*self.tried.values(), *self.whole.values()]

    def check_data(self) -> None:
        for cell in self.tried.values():
            try:
                cell.check_data()
            except RSoupError as error:
                where = f"methods.{self.method} chooses on the development split of {self.task}"
                raise ConfigError(f"{where}: {error}, or leave out its candidates") from None

    def run(self, launch: Launch | None, others: Sequence[Cell]) -> list[CellResult]:
        """What was spent on trying counts."""
        tried: dict[str, CellResult] = {}
        for name, cell in self.tried.items():
            before = [self.tried[each] for each in tried]
            tried[name] = next(each for each in cell.run(launch, [*others, *before]) if each.task == self.task)
        highest = max(result.hypervolume for result in tried.values())
        chosen, *as_good = [name for name, result in tried.items() if result.hypervolume == highest]
        if as_good:
            warnings.warn(
                f"{self.method} on {self.task}, seed {self.seed}: on the development split {', '.join(as_good)} "
                f"did as well as {chosen} ({highest:.3f}), which is run, as it comes first",
                RSoupWarning,
                stacklevel=2,
            )
        found = self.whole[chosen].run(launch, [*others, *self.tried.values()])
        return [_with(each, chosen, [*tried.values()]) for each in found]


def _with(found: CellResult, chosen: str, tried: Sequence[CellResult]) -> CellResult:
    """What was found, at the cost of all that was run for it."""
    runs = [found, *tried]
    return replace(
        found,
        steps=sum(each.steps for each in runs),
        seconds=sum(each.seconds for each in runs),
        evaluation_seconds=sum(each.evaluation_seconds for each in runs),
        memory=max((each.memory for each in runs if each.memory), default=None),
        chosen=chosen,
    )
