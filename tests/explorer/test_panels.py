from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from rsoup_lightning.errors import SimulationError
from tests.explorer.browsing import run_apart

pytest.importorskip("nicegui")

from nicegui import Client
from nicegui.page import page

from rsoup_lightning.explorer.mixing import Mix
from rsoup_lightning.explorer.owner import Owner
from rsoup_lightning.explorer.panels import Panel
from rsoup_lightning.explorer.selection import Selection
from rsoup_lightning.explorer.shelf import Run
from rsoup_lightning.explorer.showing import Showing


class Seen:
    """A place that remembers."""

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.ended = False

    def begin(self) -> None:
        self.parts, self.ended = [], False

    def add(self, part: Any) -> None:
        self.parts.append(part)

    def end(self) -> None:
        self.ended = True


class Counting(Showing):
    """Tells λ of the first expert so many times, or fails there."""

    def __init__(self, selection: Selection) -> None:
        self.selection, self.seen, self.begun = selection, dict[str, Seen](), 0

    def ask(self) -> None: ...

    def place(self, name: str) -> Seen:
        return self.seen.setdefault(name, Seen())

    def play(self, mix: Mix) -> Iterator[float]:
        self.begun += 1
        for number in range(5):
            if mix["a"] == 1 and number == 2:
                raise SimulationError("it has diverged")
            if mix["a"] == 0.9 and number == 2:
                raise ZeroDivisionError("in somebody's simulator")
            yield mix["a"]


async def until(true: Any) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("waited in vain")


async def _failing() -> list[str]:
    selection, owner = Selection(["a", "b"], {}), Owner("model")
    run = Run("any", None, owner, owner)  # type: ignore[arg-type]
    showing, said = Counting(selection), []
    with Client(page("/nowhere")):
        for weight in (1.0, 0.9):
            panel = Panel(f"fails {weight}", showing, run, lambda weight=weight: {"a": weight, "b": 1 - weight})  # type: ignore[misc]
            panel.play()
            await until(lambda panel=panel: "wrong" in panel.status.text)
            said.append(panel.status.text)
        well = Panel("well", showing, run, lambda: selection.mix)
        well.play()
        await until(lambda: showing.seen["well"].ended)
    owner.stop()
    assert showing.seen["well"].parts == [0.5] * 5 and not showing.seen["fails 1.0"].ended
    return said


def test_a_panel_that_fails_says_so_and_others_play(caplog: pytest.LogCaptureFixture) -> None:
    first, second = run_apart(_failing())
    assert "it has diverged" in first and "ZeroDivisionError: in somebody" in second
    assert "in somebody" in caplog.text  # with its place, for who mends it


async def _hurried() -> None:
    selection, owner = Selection(["a", "b"], {}), Owner("model")
    run = Run("any", None, owner, owner)  # type: ignore[arg-type]
    showing = Counting(selection)
    with Client(page("/nowhere")):
        panel = Panel("chosen", showing, run, lambda: selection.mix)
        for move in range(20):
            selection.mix = {"a": move / 40, "b": 1 - move / 40}
            panel.follow()
            await asyncio.sleep(0.002)
        await until(lambda: showing.seen["chosen"].ended)
        panel.follow()  # nothing new
    owner.stop()
    assert showing.seen["chosen"].parts == [19 / 40] * 5


def test_of_twenty_moves_only_the_last_is_shown() -> None:
    run_apart(_hurried())
