"""Three policies side by side that differ by λ alone: one expert, the chosen λ, another expert; or what was pinned."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable, Mapping

from nicegui import ui

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.explorer.choosing import mixing
from rsoup_lightning.explorer.choosing.mixing import Mix
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.showing import CHOSEN, LEFT, RIGHT, Showing
from rsoup_lightning.explorer.parts.elements import Status, box, section, set_text, tag
from rsoup_lightning.explorer.parts.field import Field
from rsoup_lightning.explorer.shelf import Run
from rsoup_lightning.explorer.strip import Strip
from rsoup_lightning.playing.soup import Soup

PIN = "the λ that is chosen now"
PINNED = "pinned: "


class Panel:
    """One policy at play; a new λ or question breaks off what it does.

    Args:
        name: what it is called, in the address too.
        showing: of its modality.
        run: whose soup it is.
        mix: tells its λ.
        classes: how it looks.

    Attributes:
        header: its head, to be filled.
        status: says what went wrong.
        anonymous: whether to keep λ and scores to itself.
    """

    def __init__(self, name: str, showing: Showing, run: Run, mix: Callable[[], Mix], classes: str = "") -> None:
        self._showing, self._run, self._mix = showing, run, mix
        self._shown: Mix | None = None
        self.anonymous = False
        self._task: asyncio.Task[None] | None = None
        with box(f"panel {classes}", "article").props(f'aria-label="{name}"'):
            self.header = box("", "header")
            self._words = tag("span", "", "small faint number")
            self._place = showing.place(name)
            self._scores = ui.html("", sanitize=False)
            self.status = Status()

    @property
    def mix(self) -> Mix:
        """Its λ."""
        return self._mix()

    def follow(self) -> None:
        """Play again if λ is another."""
        if self._mix() != self._shown:
            self.play()

    def play(self) -> None:
        """Play from the beginning."""
        self.stop()
        self._shown = self._mix()
        set_text(self._words, "" if self.anonymous else mixing.in_words(self._shown))
        self._task = asyncio.create_task(self._played(self._shown))

    def stop(self) -> None:
        """Break off what it does."""
        if self._task:
            self._task.cancel()

    async def _played(self, mix: Mix) -> None:
        self._place.begin()
        self._scores.set_content("")
        parts = []
        with self.status.told("…"):
            async for part in self._run.owner.each(lambda: self._showing.play(mix)):
                self._place.add(part)
                parts.append(part)
            self._place.end()
            rollout = None if self.anonymous else self._showing.rollout(parts)
            if rollout is not None:
                self.status.busy("scoring …")
                self._scores.set_content(self._table(mix, await self._run.scores(rollout)))

    async def over(self) -> None:
        """Returns when it does nothing, however that came."""
        if self._task:
            await asyncio.wait([self._task])

    def _table(self, mix: Mix, scores: Mapping[str, float]) -> str:
        """What each reward gave now, beside its mean at this λ."""
        expected = self._run.front.expected(mix)
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{value:.3g}</td>"
            f"<td>{f'{expected.scores[name]:.3g}' if expected and name in expected.scores else '–'}</td></tr>"
            for name, value in scores.items()
        )
        mean = "mean" if expected is None or expected.point is not None else "mean (estimate)"
        return f"<table class=small><tr><th></th><th>now</th><th>{mean}</th></tr>{rows}</table>" if rows else ""


class Panels:
    """The section of a run's page in which its policies play.

    Args:
        run: whose.
        selection: of the visitor.
        showing_of: the showing for a soup.
        loaded: called with the soup once it is there, to show more of it below.
    """

    def __init__(
        self,
        run: Run,
        selection: Selection,
        showing_of: Callable[[Soup, Selection], Showing],
        loaded: Callable[[Soup], None],
    ) -> None:
        self._run, self._selection, self._showing_of, self._loaded = run, selection, showing_of, loaded
        self._panels: list[Panel] = []
        self._strip: Strip | None = None
        self._left = False  # whether the visitor has gone
        with section("Played now"):
            self._status = Status()
            self._asked, self._row = box("asked"), box("panels")
            self._below = box("")
        ui.context.client.on_delete(self._stop)
        ui.timer(0, self._begin, once=True)

    async def _begin(self) -> None:
        showing = None
        with self._status.told("Loading the experts …"):
            soup = await self._run.soup()
            showing = await self._run.owner.do(lambda: self._showing_of(soup, self._selection))
        if showing is None or self._left:
            return
        with self._asked:
            showing.ask()
        experts = self._selection.experts
        with self._row:
            if len(experts) > 1:
                self._panels.append(self._side(LEFT, experts[0], showing))
            chosen = Panel(CHOSEN, showing, self._run, lambda: self._selection.mix, "chosen")
            with chosen.header:
                tag("h3", "Chosen λ")
            self._panels.append(chosen)
            if len(experts) > 1:
                self._panels.append(self._side(RIGHT, experts[1], showing))
                if showing.at_a_glance:
                    with self._below:
                        self._strip = Strip(showing, self._run, self._selection, self._ends, self._over)
        self._selection.on_move(self._follow)
        self._selection.on_ask(self._play)
        self._play()
        self._loaded(soup)

    def _follow(self) -> None:
        for panel in self._panels:
            panel.follow()
        if self._strip:
            self._strip.follow()

    def _play(self) -> None:
        for panel in self._panels:
            panel.play()
        if self._strip:
            self._strip.play()

    def _ends(self) -> tuple[Mix, Mix]:
        left, _, right = self._panels
        return left.mix, right.mix

    async def _over(self) -> None:
        for panel in self._panels:
            await panel.over()

    def _side(self, side: str, expert: str, showing: Showing) -> Panel:
        """A panel of an expert, or of a λ that is pinned beside the chosen one."""
        pinned = _Pinned(side, expert, self._selection)
        panel = Panel(side, showing, self._run, lambda: pinned.mix)
        with panel.header:
            pinned.build(self._follow)
        return panel

    def _stop(self) -> None:
        self._left = True
        for playing in (*self._panels, self._strip):
            if playing:
                playing.stop()


class _Pinned:
    """What stands beside the chosen λ, kept in the address."""

    def __init__(self, side: str, expert: str, selection: Selection) -> None:
        self._side, self._expert, self._selection = side, expert, selection
        self.mix = mixing.alone(selection.experts, expert)
        if side in selection.asked:
            try:
                self.mix = mixing.of_address(selection.asked[side], selection.experts)
            except RSoupError as error:
                ui.notify(str(error), type="negative")

    def build(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        now = next((name for name, weight in self.mix.items() if weight == 1), PINNED + mixing.in_words(self.mix))
        options = [*self._selection.experts, PIN, *([now] if now.startswith(PINNED) else [])]
        Field("beside it", now, self._picked, "choice", options)

    def _picked(self, name: str) -> None:
        if name.startswith(PINNED):
            return
        self.mix = dict(self._selection.mix) if name == PIN else mixing.alone(self._selection.experts, name)
        self._changed()
        self._selection.note(**{self._side: "" if name == self._expert else mixing.in_address(self.mix)})
