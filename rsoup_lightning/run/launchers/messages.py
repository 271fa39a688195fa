"""What a worker tells its driver: one JSON object a line, down a pipe or in a file that both see."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from rsoup_lightning.run.console.progress import RunProgress, StageBar, StageProgress
from rsoup_lightning.run.launchers.launcher import Ended

LOOK_EVERY = 1.0
"""Seconds from one look into files to the next."""


class Messages(StageProgress):
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


def pass_on(message: Mapping[str, Any], progress: StageProgress) -> None:
    """Show what a worker tells of its progress."""
    if "stage" in message:
        progress.stage(message["stage"], message["total"])
    elif "say" in message:
        progress.say(message["say"])
    elif "skip" in message:
        progress.skip(message["skip"])
    else:
        progress.advance(message["advance"], message["note"])


def hear(message: Mapping[str, Any], stage: str, bar: StageBar) -> Ended | None:
    """What a worker tells of a stage, shown.

    Args:
        message: a line.
        stage: its whole name, of several seeds with that of the seed.
        bar: its own.

    Returns:
        How the stage ended, if that is what the line says.
    """
    if "ended" in message:
        ended = Ended(**message["ended"])
        bar.ended(well=not ended.died)
        return ended
    if "stage" in message:
        bar.ended(well=False)  # it is begun again, if it was not heard to end
        seed = stage.partition(message["stage"].split()[0])[0]  # "seed-0/"
        message = {**message, "stage": seed + message["stage"]}
    pass_on(message, bar)
    return None


class Watch:
    """Shows stages that are computed elsewhere, by what their workers write into files.

    Args:
        progress: of the run.
    """

    def __init__(self, progress: RunProgress) -> None:
        self._progress = progress
        self._idle: list[StageBar] = []
        self._watched: dict[str, tuple[_Tail, StageBar]] = {}

    def begin(self, stage: str, file: Path) -> None:
        """Show a stage from now on."""
        bar = self._idle.pop() if self._idle else self._progress.beside()
        self._watched[stage] = _Tail(file), bar

    def look(self) -> list[Ended]:
        """Show what is new; returns the stages that have ended."""
        for _, bar in self._watched.values():
            bar.listen()
        heard = [
            hear(message, stage, bar) for stage, (tail, bar) in self._watched.items() for message in tail.messages()
        ]
        return [ended for ended in heard if ended]

    def end(self, stage: str, *, well: bool) -> None:
        """A stage is not shown any more; if it did not end well, what it has done counts not yet."""
        _, bar = self._watched.pop(stage)
        bar.ended(well=well)
        self._idle.append(bar)


class _Tail:
    """The lines of a file that grows."""

    def __init__(self, file: Path) -> None:
        self._file, self._read = file, 0

    def messages(self) -> list[dict[str, Any]]:
        """Those that are new, and whole."""
        lines: list[dict[str, Any]] = []
        with suppress(FileNotFoundError), self._file.open("rb") as stream:
            stream.seek(self._read)
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                with suppress(ValueError):  # a worker died in the middle of it
                    lines.append(json.loads(line))
        return lines
