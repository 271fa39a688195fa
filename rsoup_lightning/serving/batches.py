"""What an engine asks of a batch, of requests to it and of pieces of answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from rsoup_lightning.simplex import Coefficients


class Asked(Protocol):
    """A request for one row or some."""

    @property
    def points(self) -> Sequence[Coefficients]:
        """λ of each row."""


class Piece(Protocol):
    """What a step adds to a row's answer."""

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ends with it; None: it goes on."""


A = TypeVar("A", bound=Asked)
P = TypeVar("P", bound=Piece)
Taken = TypeVar("Taken", bound=Asked, contravariant=True)
Given = TypeVar("Given", bound=Piece, covariant=True)


class Batch(Protocol[Taken, Given]):
    """Rows that come and go, as ``Soup.running`` gives them; see :class:`modalities.language.running.RunningTexts`."""

    def __len__(self) -> int: ...

    def check(self, request: Taken) -> None:
        """Require that a request can be played, if need be alone."""

    def fits(self, request: Taken) -> bool:
        """Whether there is room for it now."""

    def join(self, request: Taken) -> int:
        """Take it in; gives its name."""

    def leave(self, name: int) -> None:
        """Drop what has that name."""

    def clear(self) -> None:
        """Drop all."""

    def step(self) -> Sequence[tuple[int, Given | Exception]]:
        """What one step adds, each piece with the name of its request."""
