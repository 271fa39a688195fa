"""What a worker process tells its driver: one JSON object a line."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import Any, TextIO

from rsoup_lightning.run.launchers.launcher import Ended


class Messages:
    """The worker's side; also a :class:`StageProgress`.

    Args:
        stream: to the driver.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @classmethod
    def on_stdout(cls) -> Messages:
        """By way of what is standard output now; whatever else prints there goes to standard error from now on."""
        stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return cls(stream)

    def stage(self, name: str, total: int) -> None:
        self._tell(stage=name, total=total)

    def skip(self, epochs: int) -> None:
        self._tell(skip=epochs)

    def advance(self, epochs: float, note: str) -> None:
        self._tell(advance=epochs, note=note)

    def say(self, line: str) -> None:
        self._tell(say=line)

    def ended(self, ended: Ended) -> None:
        """A stage has ended."""
        self._tell(ended=asdict(ended))

    def _tell(self, **message: Any) -> None:
        self._stream.write(json.dumps(message) + "\n")
        self._stream.flush()
