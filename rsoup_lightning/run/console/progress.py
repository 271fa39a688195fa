"""One display for a whole run: which stage, how far, how long it will take."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol

import lightning as L
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LIBRARY = logging.getLogger("rsoup_lightning")
NOTE_EVERY = 30.0  # seconds between lines where the output is not a terminal
SILENCE = 900.0  # seconds after which a stage that tells nothing may hang


class StageProgress(Protocol):
    """Where stages show how they go."""

    def stage(self, name: str, total: int) -> None:
        """A new stage of ``total`` epochs begins."""

    def skip(self, epochs: int) -> None:
        """Epochs that an earlier run has done already."""

    def advance(self, epochs: float, note: str) -> None:
        """A part of an epoch is done."""

    def say(self, line: str) -> None:
        """Print a line."""


class RunProgress(StageProgress):
    """Bars on a terminal, a line now and then elsewhere. Use it as a context.

    Args:
        title: what runs.
        epochs: training epochs of the whole run, all stages and seeds.
    """

    def __init__(self, title: str, epochs: int) -> None:
        self.console = Console(file=sys.stderr)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._run = self._bars.add_task(f"[bold]{title}", total=max(epochs, 1), note="")
        self._epochs, self._done = max(epochs, 1), 0.0
        self._start = self._noted = time.perf_counter()
        self._trained = 0.0

    def __enter__(self) -> RunProgress:
        self._bars.start()
        self._log = listening(self.say)
        self._log.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._log.__exit__(*exception)
        self._bars.stop()

    def beside(self) -> StageBar:
        """Of one of several stages that are computed at the same time."""
        return StageBar(self, self._bars)

    @cached_property
    def _own(self) -> StageBar:
        return self.beside()

    def stage(self, name: str, total: int) -> None:
        self._own.stage(name, total)

    def skip(self, epochs: int) -> None:
        self._own.skip(epochs)

    def advance(self, epochs: float, note: str) -> None:
        self._own.advance(epochs, note)

    def count(self, epochs: float) -> None:
        """Epochs that an earlier run has done already, or, below zero, that are to be done again."""
        self._done += epochs
        self._bars.update(self._run, completed=self._done)

    def trained(self, epochs: float, note: str) -> None:
        """A part of an epoch is done, of whichever stage."""
        self.count(epochs)
        self._trained += epochs
        now = time.perf_counter()
        if not self.console.is_terminal and now - self._noted > NOTE_EVERY:
            self._noted = now
            left = (now - self._start) / self._trained * (self._epochs - self._done)
            self.say(f"{100 * self._done / self._epochs:.0f} % of the training, about {left:.0f} s left. {note}")

    def say(self, line: str) -> None:
        """Print a line above the bars, as it is."""
        self._bars.console.print(line, highlight=False, markup=False, soft_wrap=True)


class StageBar(StageProgress):
    """A stage's own bar below that of its run; a :class:`StageProgress`.

    Args:
        run: of which it is.
        bars: of that run.
    """

    def __init__(self, run: RunProgress, bars: Progress) -> None:
        self._run, self._bars = run, bars
        self._row = bars.add_task("", total=1, note="")
        self._name, self._done = "", 0.0
        self._heard: float | None = None

    def stage(self, name: str, total: int) -> None:
        self._name, self._done = name.partition(" ")[0], 0.0
        self._heard = time.perf_counter()
        self._bars.reset(self._row, total=max(total, 1), description=f"  {name}", note="")
        self._run.say(f"{name} ...")

    def skip(self, epochs: int) -> None:
        self._run.count(epochs)
        self._move(epochs)

    def advance(self, epochs: float, note: str) -> None:
        self._run.trained(epochs, f"{self._name}: {note}" if note else self._name)
        self._move(epochs, note=note)

    def ended(self, *, well: bool) -> None:
        """The stage has ended; if not well, what it has done counts when it is begun again, and not yet."""
        if not well:
            self._run.count(-self._done)
        self._done, self._heard = 0.0, None

    def listen(self) -> None:
        """Say so where a stage that has begun elsewhere, and not ended, tells nothing for long."""
        now = time.perf_counter()
        if self._heard is not None and now - self._heard > SILENCE:
            self._heard = now
            self.say(f"nothing heard for {SILENCE / 60:.0f} minutes; if it hangs, kill its process: it begins again")

    def say(self, line: str) -> None:
        self._run.say(line if line.startswith(self._name) else f"{self._name}: {line}")

    def _move(self, epochs: float, **fields: Any) -> None:
        self._done += epochs
        self._heard = time.perf_counter()
        self._bars.update(self._row, advance=epochs, **fields)


@contextmanager
def listening(say: Callable[[str], None]) -> Iterator[None]:
    """Hand what the library logs to ``say``, line by line, and to nobody who listened before."""
    before = LIBRARY.handlers[:], LIBRARY.level
    LIBRARY.handlers[:] = [_Lines(say)]
    LIBRARY.setLevel(logging.INFO)
    try:
        yield
    finally:
        LIBRARY.handlers[:] = before[0]
        LIBRARY.setLevel(before[1])


def on_stderr(line: str) -> None:
    """Print a line where it is no result."""
    print(line, file=sys.stderr, flush=True)


class _Lines(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())


class ProgressCallback(L.Callback):
    """Moves a :class:`StageProgress` as a training goes on."""

    def __init__(self, progress: StageProgress) -> None:
        self.progress = progress

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.progress.skip(trainer.current_epoch)

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        rewards = {
            name.removeprefix("reward/"): float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("reward/")
        }
        note = "  ".join(f"{name} {value:.3g}" for name, value in rewards.items())
        self.progress.advance(1 / max(int(trainer.num_training_batches), 1), note)
