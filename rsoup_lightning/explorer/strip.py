"""A strip over λ: what is asked, played at even distances from the λ on the left to that on the right."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from nicegui import ui

from rsoup_lightning.explorer.choosing import mixing
from rsoup_lightning.explorer.choosing.mixing import Mix
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.showing import Screen, Showing
from rsoup_lightning.explorer.parts.elements import Status, box, tag
from rsoup_lightning.explorer.shelf import Run

STOPS = 7  # an odd number has the middle


class Strip:
    """A row of small results, each at a λ of its own; a click on one chooses its λ.

    It works when nothing else of the visitor's does, and plays each λ once for what is asked: a move breaks it off, and
    it goes on where it was.

    Args:
        showing: of the modality.
        run: whose soup it is.
        selection: of the visitor.
        ends: tells where it begins and where it ends.
        free: returns when nothing else plays.
    """

    def __init__(
        self,
        showing: Showing,
        run: Run,
        selection: Selection,
        ends: Callable[[], tuple[Mix, Mix]],
        free: Callable[[], Awaitable[object]],
    ) -> None:
        self._showing, self._run, self._selection, self._ends, self._free = showing, run, selection, ends, free
        self._stops: list[Mix] = []
        self._places: list[tuple[ui.element, Screen]] = []
        self._missing: list[int] = []
        self._task: asyncio.Task[None] | None = None
        self._row = box("strip").props('role=group aria-label="a strip over λ"')
        self.status = Status()

    def follow(self) -> None:
        """λ is another, or an end is: mark what is chosen, and go on with what is missing."""
        if self._line() != self._stops:
            self.play()
            return
        self.stop()
        self._mark()
        if self._missing:
            self._task = asyncio.create_task(self._played())

    def play(self) -> None:
        """Something else is asked: begin anew."""
        if self._line() != self._stops:
            self._build()
        self._missing = list(range(len(self._stops)))
        for _, place in self._places:
            place.begin()
        self.follow()

    def stop(self) -> None:
        """Break off what it does."""
        if self._task:
            self._task.cancel()

    def _line(self) -> list[Mix]:
        return mixing.line(*self._ends(), STOPS)

    def _build(self) -> None:
        self._stops, self._places = self._line(), []
        self._row.clear()
        with self._row:
            for stop in self._stops:
                words = mixing.in_words(stop)
                with box("stop", "button").props(f'type=button title="{words}" aria-label="{words}"') as button:
                    place = self._showing.place(words)
                    tag("span", " · ".join(f"{weight:.2g}" for weight in stop.values()), "small faint number")
                button.on("click", partial(self._selection.move, stop))
                self._places.append((button, place))

    def _mark(self) -> None:
        """Mark the stop that λ is at, or next to; none where λ is off the line."""
        chosen = mixing.nearest(self._selection.mix, self._stops, within=0.5 / (STOPS - 1))
        for number, (button, _) in enumerate(self._places):
            button.props(f"aria-current={'true' if number == chosen else 'false'}")

    async def _played(self) -> None:
        self.status.done()
        await self._free()
        with self.status.told("a strip over λ …"):
            while self._missing:
                number = self._missing[0]
                stop, (_, place) = self._stops[number], self._places[number]
                async for part in self._run.owner.each(partial(self._showing.play, stop)):
                    place.add(part)
                place.end()
                self._missing.remove(number)
