from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning.errors import SimulationError
from tests.explorer.browsing import Watched, needs_browser, run_apart, served

pytest.importorskip("nicegui")

from nicegui import Client
from nicegui.page import page

from rsoup_lightning import load
from rsoup_lightning.explorer.choosing.mixing import Mix, in_words
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.explorer.kinds.showing import Showing
from rsoup_lightning.explorer.owner import Owner
from rsoup_lightning.explorer.panels import Panel, Panels
from rsoup_lightning.explorer.shelf import Run
from tests.explorer.counted import FILE


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


async def _left_while_loading() -> None:
    selection, owner, loaded = Selection(["a", "b"], {}), Owner("model"), asyncio.Event()
    run = Run("any", None, owner, owner)  # type: ignore[arg-type]
    showing, asked = Counting(selection), []

    async def soup() -> None:
        asked.append(1)
        await loaded.wait()

    run.soup = soup  # type: ignore[method-assign, assignment]
    with (client := Client(page("/nowhere"))):
        panels = Panels(run, selection, lambda *_: showing, lambda _: asked.append(2))
    beginning = asyncio.create_task(panels._begin())
    await until(lambda: asked == [1])
    client.delete()
    loaded.set()
    await beginning
    owner.stop()
    assert asked == [1] and showing.begun == 0


def test_for_who_has_left_while_experts_were_loaded_nothing_plays() -> None:
    run_apart(_left_while_loading())


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


HURRY = """async () => {
    const slider = document.querySelector("input[type=range]"), answer = document.querySelectorAll(".answer")[1];
    globalThis.shown = [];
    new MutationObserver(() => { if (answer.dataset.ended === "true") shown.push(answer.textContent); })
        .observe(answer, { attributeFilter: ["data-ended"] });
    for (let move = 1; move <= 20; move++) {
        slider.value = 0.1 + 0.04 * move;
        slider.dispatchEvent(new Event("input"));
        await new Promise((next) => setTimeout(next, 45));
    }
}"""
ENDED = "() => document.querySelectorAll('.answer[data-ended=true]').length === 3"


@needs_browser
def test_of_twenty_moves_within_a_second_only_the_last_is_answered(
    written: Path, visit: Callable[..., Watched], tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    with served(written, program="tests.explorer.counted", **{FILE: str(notes)}) as address:
        watched = visit(address)
        page = watched.open("/run/letters?at=early:0.9,late:0.1&prompt=the+big+cat")
        page.locator(".answer").nth(2).wait_for(timeout=60_000)
        page.wait_for_function(ENDED, timeout=60_000)
        before = len(notes.read_text().splitlines())
        page.evaluate(HURRY)
        page.wait_for_function("() => shown.length")
        shown = page.evaluate("() => shown")
        watched.context.close()
    last = {"early": 0.1, "late": 0.9}
    assert shown == load(written).at(last).generate(["the big cat"], seed=0)
    played = notes.read_text().splitlines()[before:]
    others = [line for line in played if not line.endswith(in_words(last))]
    assert {line.split()[0] for line in others} == {"piece"}  # none of them was written to its end,
    assert played[: len(others)] == others  # nor anything of them once the last was begun
    pieces = len(played) - len(others) - 1
    assert len(others) < 19 * pieces / 2
