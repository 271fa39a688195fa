"""What to merge and where to write it: one λ, or a whole sweep that appears whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from rsoup_lightning import __version__
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import atomic_output
from rsoup_lightning.merging.write import check_apart
from rsoup_lightning.simplex import Coefficients, check_coefficients, grid


@dataclass(frozen=True)
class Sweep:
    """Merges of the same experts.

    Attributes:
        experts: where they are.
        output: what to write; of a grid, the folder of one merge per λ.
        targets: each path to write, and its λ.
        extrapolate: allow λ off the simplex.
        overwrite: replace an existing output.
    """

    experts: list[str]
    output: Path
    targets: dict[Path, Coefficients]
    extrapolate: bool
    overwrite: bool

    @contextmanager
    def writing(self, *more: str) -> Iterator[dict[Path, Coefficients]]:
        """Within the block, where to write instead of ``targets``, in their order; ``more`` is read beside experts.

        Raises:
            OutputError: the output is one of those that are read, or lies in one, or around one.
        """
        if set(self.targets) == {self.output}:
            yield self.targets
            return
        check_apart(self.output, [Path(source) for source in (*self.experts, *more)])
        with atomic_output(self.output, overwrite=self.overwrite) as temporary:
            temporary.mkdir()
            yield {temporary / target.name: point for target, point in self.targets.items()}

    def provenance(self, point: Coefficients, **more: Any) -> dict[str, Any]:
        """What a merge says of itself."""
        return {"rsoup_lightning": __version__, "coefficients": dict(zip(self.experts, point, strict=True)), **more}


def sweep(
    experts: Sequence[str],
    output: Path,
    coefficients: Sequence[float] | None,
    steps: int | None,
    *,
    extrapolate: bool,
    overwrite: bool,
) -> Sweep:
    """What to write: one merge at ``coefficients``, or one at each λ of a grid with so many ``steps`` per edge.

    Raises:
        ConfigError: an expert is named twice, or neither or both of coefficients and steps are given.
        CoefficientError: λ off the simplex, or a grid without steps.
    """
    resolved = [Path(path).resolve() for path in experts]
    for path in experts:
        if resolved.count(Path(path).resolve()) > 1:
            raise ConfigError(f"the expert {path} is named twice: give it the sum of both coefficients")
    if (coefficients is None) == (steps is None):
        raise ConfigError("give either --coefficients, one per expert, or --grid, how many values of λ")
    if steps is None:
        targets = {output: check_coefficients(coefficients or [], len(experts), extrapolate=extrapolate)}
    else:
        targets = {output / label(point): point for point in grid(len(experts), steps)}
    return Sweep(list(experts), output, targets, extrapolate, overwrite)


def label(point: Sequence[float]) -> str:
    """A folder's name for λ.

    >>> label((0.3, 0.7))
    '0.3-0.7'
    """
    return "-".join(f"{weight:.6g}" for weight in point)


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], None]]:
    """A bar in bytes; gives the function that moves it."""
    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(
        "{task.description}", *columns, transient=True, disable=not sys.stderr.isatty(), console=Console(stderr=True)
    ) as bars:
        task = bars.add_task("merging", total=total)
        yield lambda done: bars.advance(task, done)
