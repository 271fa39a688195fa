"""Control on the page: three episodes from the same start, in step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from nicegui.element import Element

from rsoup_lightning.explorer.episodes import Part, episode
from rsoup_lightning.explorer.field import Field
from rsoup_lightning.explorer.mixing import Mix
from rsoup_lightning.explorer.showing import Showing
from rsoup_lightning.rollout import Rollout


class Theatre(Element, component="theatre.js"):
    """Where an episode is shown: the body, and its curves under it. All of a page keep in step."""

    def begin(self) -> None:
        """Another episode begins."""
        self.run_method("begin")

    def add(self, part: Part) -> None:
        """Its next steps."""
        self.run_method("add", asdict(replace(part, played=None)))

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

    def rollout(self, parts: Sequence[Any]) -> Rollout | None:
        played: Rollout | None = parts[-1].played
        return played
