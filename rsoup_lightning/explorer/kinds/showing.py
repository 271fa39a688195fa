"""What a modality brings to the page: its questions, and a place for what plays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol

from rsoup_lightning.explorer.choosing.mixing import Mix
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.rollout import Rollout

LEFT, CHOSEN, RIGHT = "left", "chosen λ", "right"
"""Names of the three panels."""


class Screen(Protocol):
    """Where one policy shows what it does."""

    def begin(self) -> None:
        """Something new begins: what was shown is old."""

    def add(self, part: Any) -> None:
        """Show the next part of it."""

    def end(self) -> None:
        """That was all."""


class Showing(ABC):
    """A modality on the page of a run.

    Args:
        soup: what plays.
        selection: what is asked of it.

    Attributes:
        at_a_glance: whether what it plays is seen at once, so that many λ fit in a row.
    """

    at_a_glance: ClassVar[bool] = False

    def __init__(self, soup: Soup, selection: Selection) -> None:
        self.soup, self.selection = soup, selection

    @abstractmethod
    def ask(self) -> None:
        """Build the fields in which a visitor asks for something."""

    @abstractmethod
    def place(self, name: str) -> Screen:
        """Build a place for one policy."""

    @abstractmethod
    def play(self, mix: Mix) -> Iterator[Any]:
        """The parts of what the soup at λ does, one by one, in the thread that owns it.

        Raises:
            RSoupError: it cannot do what was asked.
        """

    def vary(self, number: int) -> None:
        """Ask something else by itself, for a visitor who compares: other chances each time, and what else there is.

        Args:
            number: of the time, from 0.
        """
        self.selection.asked = {**self.selection.asked, "seed": str(number)}

    def rollout(self, parts: Sequence[Any]) -> Rollout | None:
        """What rewards read of all that was played; None where nobody has said. Default so."""
        return None

    @property
    def seed(self) -> int:
        """Of the chances that all of them meet."""
        text = self.selection.asked.get("seed", "0")
        return int(text) % 2**32 if text.isdecimal() else 0
