"""``Front``: what a run measured, and the soup behind it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Self

from rsoup_lightning.front.record import Record
from rsoup_lightning.playing.load import Make, load
from rsoup_lightning.playing.run_front import RunFront
from rsoup_lightning.playing.soup import Soup


class Front(RunFront):
    """The front of a finished run, to look at, to pick from and to play.

    Args:
        run: the run folder.
        record: the content of its front.json.
        make: builds the fine-tuner, where the run was made from one that cannot be imported by its name.
    """

    def __init__(self, run: Path, record: Record, make: Make | None = None) -> None:
        super().__init__(run, record)
        self._make = make

    @classmethod
    def load(cls, run: str | Path, make: Make | None = None) -> Self:
        """The front in a run folder; ``make`` as of the class.

        Raises:
            RunFolderError: there is no run, or one that is not finished.
            FrontError: its front.json is damaged or of another version.
        """
        front = super().load(run)
        front._make = make
        return front

    @cached_property
    def soup(self) -> Soup:
        """The experts behind it, loaded once.

        Raises:
            RSoupError: as of :func:`load`.
        """
        return load(self.run, make=self._make)

    def at(self, *coefficients: Any, **named: Any) -> Any:
        """The soup at λ or at the best λ for a preference, ready to play; see :meth:`Soup.at`."""
        return self.soup.at(*coefficients, **named)
