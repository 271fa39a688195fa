"""Who hears that a process is to end: whoever began it, and not Lightning, which would end a training by itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

import lightning as L


@contextmanager
def heeding_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does.

    Raises:
        KeyboardInterrupt: it came; of its number.
    """

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class OwnSignals(L.Callback):
    """Puts the handler of SIGTERM back that Lightning replaces while it trains.

    Lightning's would end a training after the batch; a job that is to leave, though, is first told to by SIGTERM, and
    queued again when another signal follows.
    """

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        # In another thread Lightning has replaced none, and one that is not Python's cannot be put back.
        if current_thread() is main_thread() and self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
