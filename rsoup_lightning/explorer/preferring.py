"""Which of two do you prefer? A dozen clicks between anonymous results, and the λ that they lead to."""

from __future__ import annotations

import asyncio
import json
import shlex
from pathlib import Path
from random import Random
from typing import Any

from nicegui import ui

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.explorer.choosing import mixing
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.showing import Showing
from rsoup_lightning.explorer.panels import Panel
from rsoup_lightning.explorer.parts.elements import Status, box, button, command, set_text, tag
from rsoup_lightning.explorer.shelf import Run
from rsoup_lightning.front.chosen import Chosen
from rsoup_lightning.front.record import Record

ENOUGH = 12  # choices, of which an interval begins to say something
FILE = "choices.json"
SIDES = "AB"
ADDRESS = "prefers"
"""What the address calls the choices: a letter for each, in the order of the pairs, which is always the same."""

Pair = tuple[int, int]


class Preferring:
    """The section in which a visitor chooses between two policies until their preference is known; the address knows
    what was chosen.

    Args:
        run: whose measured points are compared.
        selection: of the visitor, to whom λ is given.
        showing: plays them; it is this section's alone.
    """

    def __init__(self, run: Run, selection: Selection, showing: Showing) -> None:
        self._run, self._selection, self._showing = run, selection, showing
        self._pairs = compared_pairs(run.front.record)
        self._chosen = "".join(letter for letter in selection.asked.get(ADDRESS, "") if letter in SIDES)
        self._mixed: mixing.Mix | None = None
        self._panels: list[Panel] = []
        self._place = box("")
        with self._place:
            tag(
                "p", "Two results for the same question and the same chances. Nobody says which λ they are of.", "faint"
            )
            self._start = button("Begin", self._begin)
        if self._chosen:
            ui.timer(0, self._begin, once=True)

    async def _begin(self) -> None:
        self._start.set_visibility(False)
        with self._place:
            with box("panels two"):
                for side, name in enumerate(SIDES):
                    with box("side"):
                        self._panels.append(Panel(name, self._showing, self._run, lambda side=side: self._mix(side)))  # type: ignore[misc]
                        self._panels[-1].anonymous = True
                        with self._panels[-1].header:
                            tag("h3", name)
                        button(f"{name} is better", lambda side=side: self._chose(side))
            self._status = Status()
            self._found = tag("p", "", "number")
            with box("asked") as self._after:
                self._taken = button("Take this λ", self._take)
                button("Download the choices", self._download)
            if self._run.front.has_weights:  # else there is nothing to pick
                command(command_to_pick(self._run.front.run))
            self._after.set_visibility(False)
        self._next()
        if self._chosen:
            await self._learn()

    @property
    def _choices(self) -> list[dict[str, Any]]:
        """What was chosen, as ``pick --choices`` takes it."""
        chosen = [self._pair(number)[:: 1 if side == SIDES[0] else -1] for number, side in enumerate(self._chosen)]
        return [{"preferred": {"point": preferred}, "other": {"point": other}} for preferred, other in chosen]

    def _pair(self, number: int) -> Pair:
        return self._pairs[number % len(self._pairs)]

    def _mix(self, side: int) -> mixing.Mix:
        weights = self._run.front.points[self._pair(len(self._chosen))[side]]["coefficients"]
        return {name: weights.get(name, 0.0) for name in self._selection.experts}

    def _next(self) -> None:
        count = len(self._chosen)
        self._showing.vary(count)
        for panel in self._panels:
            panel.play()
        left = f"; {ENOUGH - count} more tell enough" if count < ENOUGH else ""
        self._status.done(f"{count} choices so far{left}")

    async def _chose(self, side: int) -> None:
        self._chosen += SIDES[side]
        self._selection.note(**{ADDRESS: self._chosen})
        self._next()
        await self._learn()

    async def _learn(self) -> None:
        """Say what the choices tell so far."""
        choices = self._choices
        try:
            chosen = await asyncio.to_thread(self._run.front.pick_by_choices, choices)
        except RSoupError as error:
            said, self._mixed = str(error), None
        else:
            said, self._mixed = learnt_in_words(chosen), mixing.whole(chosen.coefficients)
            if outside := not all(0 <= weight <= 1 for weight in self._mixed.values()):
                said += " That is outside the experts, where this page does not play: pick it by your choices."
            self._taken.set_visibility(not outside)
        if len(choices) == len(self._chosen):  # nobody has chosen again meanwhile
            set_text(self._found, said)
            self._after.set_visibility(self._mixed is not None)

    def _take(self) -> None:
        if self._mixed:
            self._selection.move(self._mixed)

    def _download(self) -> None:
        ui.download.content(json.dumps(self._choices, indent=1), FILE)

    def stop(self) -> None:
        """Break off what plays."""
        for panel in self._panels:
            panel.stop()


def compared_pairs(record: Record) -> list[Pair]:
    """Which measured points to compare, in a mixed order: those where neither is better in everything, if there are."""
    merged = [
        index
        for index, point in enumerate(record["points"])
        if point["kind"] in ("expert", "soup") and all(0 <= weight <= 1 for weight in point["coefficients"].values())
    ]
    rewards = record["rewards"]

    def trades(one: int, other: int) -> bool:
        gains = [record["points"][one]["scores"][r] - record["points"][other]["scores"][r] for r in rewards]
        return min(gains) < 0 < max(gains)

    every = [(one, other) for one in merged for other in merged if one != other]
    found = [pair for pair in every if trades(*pair)] or every
    Random(0).shuffle(found)
    return found


def learnt_in_words(chosen: Chosen) -> str:
    """A learnt preference, and the λ it leads to."""
    learnt = chosen.learnt
    intervals = learnt.ci95 if learnt is not None else [None] * len(chosen.preference)
    mu = " · ".join(
        f"{name} {weight:.2f}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval is not None else "")
        for (name, weight), interval in zip(chosen.preference.items(), intervals, strict=True)
    )
    return f"Your preference μ: {mu}. It leads to λ: {mixing.in_words(chosen.coefficients)}."


def command_to_pick(run: Path) -> str:
    """The command that picks by downloaded choices."""
    return f"rsoup pick {shlex.quote(str(run))} --choices {FILE} --output picked"
