"""One display for a whole run: which stage, how far, how long it will take."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import lightning as L
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LIBRARY = logging.getLogger("rsoup_lightning")
NOTE_EVERY = 30.0  # seconds between lines where the output is not a terminal


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


class RunProgress:
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
        self._stage = self._bars.add_task("", total=1, note="")
        self._title, self._epochs, self._done = title, max(epochs, 1), 0.0
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

    def stage(self, name: str, total: int) -> None:
        """A new stage of ``total`` epochs begins."""
        self._bars.reset(self._stage, total=max(total, 1), description=f"  {name}", note="")
        self.say(f"{name} ...")

    def skip(self, epochs: int) -> None:
        """Epochs that an earlier run has done already."""
        self._done += epochs
        self._bars.update(self._run, completed=self._done)
        self._bars.update(self._stage, advance=epochs)

    def advance(self, epochs: float, note: str) -> None:
        """A part of an epoch is done."""
        self._done += epochs
        self._trained += epochs
        self._bars.update(self._run, completed=self._done)
        self._bars.update(self._stage, advance=epochs, note=note)
        now = time.perf_counter()
        if not self.console.is_terminal and now - self._noted > NOTE_EVERY:
            self._noted = now
            left = (now - self._start) / self._trained * (self._epochs - self._done)
            self.say(f"{100 * self._done / self._epochs:.0f} % of the training, about {left:.0f} s left. {note}")

    def say(self, line: str) -> None:
        """Print a line above the bars, as it is."""
        self._bars.console.print(line, highlight=False, markup=False, soft_wrap=True)


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
