"""Requests that are played whole: those that wait share one batch, each row at its own λ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Generic, TypeVar

from rsoup_lightning.errors import ConfigError, check_at_least_one
from rsoup_lightning.mixture import Mixture, Rows
from rsoup_lightning.simplex import Coefficients

G = TypeVar("G")


@dataclass(frozen=True)
class CallRequest(Generic[G]):
    """What some rows are to play.

    Attributes:
        points: λ of each row.
        given: what each row is given: an observation, a prompt, a picture ...
    """

    points: Sequence[Coefficients]
    given: Sequence[G]


@dataclass(frozen=True)
class CallResult:
    """What the rows of a request made of it, in order; it is whole, and the last that is heard of it."""

    made: Sequence[Any]
    finish_reason: str = "stop"


class RunningCalls(Generic[G]):
    """A batch for policies that play a request in one go; see :class:`language.running.RunningTexts` for its methods.

    Args:
        soup: the experts.
        play: what rows make of what each is given.
        max_rows: how many to play at once.

    Raises:
        ConfigError: ``max_rows`` is below 1.
    """

    def __init__(
        self, soup: Mixture, play: Callable[[Rows, Sequence[G]], Sequence[Any]], *, max_rows: int = 16
    ) -> None:
        check_at_least_one(max_rows=max_rows)
        self._soup, self._play, self._max_rows = soup, play, max_rows
        self._waiting: dict[int, CallRequest[G]] = {}
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._waiting)

    def check(self, request: CallRequest[G]) -> None:
        """Require that a request can be played at all.

        Raises:
            ConfigError: it has no rows, more of them than are played at once, or not a λ for each.
        """
        rows = len(request.given)
        if len(request.points) != rows:
            raise ConfigError(f"the request has {rows} rows and {len(request.points)} λ: give a λ for each")
        if not 1 <= rows <= self._max_rows:
            raise ConfigError(f"the request has {rows} rows: give 1 to {self._max_rows}, or raise max_rows")

    def fits(self, request: CallRequest[G]) -> bool:
        """Whether there is room for it in the next step."""
        return sum(len(each.given) for each in self._waiting.values()) + len(request.given) <= self._max_rows

    def join(self, request: CallRequest[G]) -> int:
        """Add a request; returns what to call it."""
        self._waiting[name := next(self._numbers)] = request
        return name

    def leave(self, name: int) -> None:
        """Drop a request, if it is still there."""
        self._waiting.pop(name, None)

    def clear(self) -> None:
        """Drop all requests."""
        self._waiting.clear()

    def step(self) -> list[tuple[int, CallResult | Exception]]:
        """Play all that has joined; where that fails each by itself, so that an error is heard by whom it concerns."""
        asked, self._waiting = self._waiting, {}
        try:
            made = iter(self._made(list(asked.values()))) if asked else iter([])
            return [(name, CallResult([next(made) for _ in request.given])) for name, request in asked.items()]
        except Exception:
            return [(name, self._alone(request)) for name, request in asked.items()]

    def _made(self, requests: Sequence[CallRequest[G]]) -> Sequence[Any]:
        points = [point for request in requests for point in request.points]
        return self._play(Rows(self._soup, points), [each for request in requests for each in request.given])

    def _alone(self, request: CallRequest[G]) -> CallResult | Exception:
        try:
            return CallResult(self._made([request]))
        except Exception as error:
            return error
