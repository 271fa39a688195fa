"""Control on the page: three episodes from the same start, in step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from nicegui.element import Element

from rsoup_lightning.explorer.episodes import Part, episode
from rsoup_lightning.explorer.field import Field
from rsoup_lightning.explorer.mixing import Mix
from rsoup_lightning.explorer.showing import Showing


class Theatre(Element, component="theatre.js"):
    """Where an episode is shown: the body, and its curves under it. All of a page keep in step."""

    def begin(self) -> None:
        """Another episode begins."""
        self.run_method("begin")

    def add(self, part: Part) -> None:
        """Its next steps."""
        self.run_method("add", asdict(part))

    def end(self) -> None:
        """It is over."""


class Clock(Element, component="clock.js"):
    """Starts, stops and winds all theatres of the page, and says how fast they go."""


class ControlShowing(Showing):
    """Episodes of a simulator."""

    def ask(self) -> None:
        Field("start (seed)", str(self.seed), lambda text: self.selection.ask(seed=text), "number")
        Clock().classes("grow")

    def place(self, name: str) -> Theatre:
        return Theatre()

    def play(self, mix: Mix) -> Iterator[Any]:
        return episode(self.soup.at(mix), self.seed)
