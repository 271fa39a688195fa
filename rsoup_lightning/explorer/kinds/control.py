"""Control on the page: three episodes from the same start, in step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nicegui.element import Element

from rsoup_lightning.explorer.choosing.mixing import Mix, alone
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.episodes.camera import camera, subject_of
from rsoup_lightning.explorer.episodes.episodes import episode
from rsoup_lightning.explorer.episodes.theatre import Theatre
from rsoup_lightning.explorer.kinds.showing import Showing
from rsoup_lightning.explorer.parts.elements import tag
from rsoup_lightning.explorer.parts.field import Field
from rsoup_lightning.modalities.control.film import NO_GL
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.rollout import Rollout


class Clock(Element, component="clock.js"):
    """Starts, stops and winds all theatres of the page, and says how fast they go."""


class ControlShowing(Showing):
    """Episodes of a simulator."""

    def __init__(self, soup: Soup, selection: Selection) -> None:
        super().__init__(soup, selection)
        simulator = soup.at(alone(soup.experts, soup.experts[0])).simulator()
        self._subject = subject_of(simulator)
        self._camera = camera() if self._subject else None
        simulator.close()

    def ask(self) -> None:
        Field("start (seed)", str(self.seed), lambda text: self.selection.ask(seed=text), "number")
        Clock().classes("grow")
        if self._subject and not self._camera:
            tag("p", f"Bodies are drawn as lines, and not filmed: {NO_GL}.", "small faint all")

    def place(self, name: str) -> Theatre:
        return Theatre(self._subject, self._camera)

    def play(self, mix: Mix) -> Iterator[Any]:
        return episode(self.soup.at(mix), self.seed)

    def rollout(self, parts: Sequence[Any]) -> Rollout | None:
        played: Rollout | None = parts[-1].played
        return played
