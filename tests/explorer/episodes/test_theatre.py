from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nicegui")

from nicegui import Client
from nicegui.page import page

from rsoup_lightning.errors import SimulationError
from rsoup_lightning.explorer.episodes.episodes import Part
from rsoup_lightning.explorer.episodes.painter import Subject
from rsoup_lightning.explorer.episodes.theatre import Theatre
from tests.explorer.browsing import run_apart
from tests.explorer.test_panels import until

SUBJECT = Subject(b"", -1, {})


class Slow:
    """A camera that draws when it is let, and fails at the third strip."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.go = asyncio.Event()

    async def strip(self, subject: Subject, states: Any) -> bytes:
        self.asked.append(states[0, 0])
        await self.go.wait()
        if len(self.asked) == 3:
            raise SimulationError("no light")
        return b"strip"


def _part(number: int, ended: bool) -> Part:
    return Part(20.0, True, curves={"effort": [0.0]}, states=[np.full(2, number)], ended=ended)


async def _shown() -> list[tuple[Any, ...]]:
    """What the browser is told of two episodes, the first of which is broken off."""
    said: list[tuple[Any, ...]] = []
    camera = Slow()
    with Client(page("/nowhere")):
        theatre = Theatre(SUBJECT, camera)  # type: ignore[arg-type]
        theatre.run_method = lambda *call, **_: said.append(call)  # type: ignore[assignment, method-assign, func-returns-value]
        theatre.begin()
        for number in range(2):
            theatre.add(_part(number, False))
        await until(lambda: camera.asked == [0])
        theatre.begin()  # while the first strip is drawn
        camera.go.set()
        for number in (5, 6):
            theatre.add(_part(number, number == 6))
        await until(lambda: said[-1][0] == "unfilmed")
    assert camera.asked == [0, 5, 6]
    return said


def test_film_follows_what_is_played_and_ends_with_it(caplog: pytest.LogCaptureFixture) -> None:
    said = run_apart(_shown())
    assert [call[0] for call in said] == ["begin", "add", "add", "begin", "add", "add", "film", "unfilmed"]
    assert said[6][1].startswith("data:image/jpeg;base64,") and said[6][2] == 1
    assert "states" in said[1][1] and said[1][1]["states"] == []  # which are for the camera alone
    assert "no light" in caplog.text


async def _waiting(camera: Slow | None) -> int:
    """How many parts wait to be filmed after two of them were added."""
    with Client(page("/nowhere")):
        theatre = Theatre(SUBJECT, camera)  # type: ignore[arg-type]
        theatre.run_method = lambda *call, **_: None  # type: ignore[assignment, method-assign, func-returns-value]
        theatre.begin()
        for number in range(2):
            theatre.add(_part(number, False))
        return theatre._parts.qsize()


def test_without_a_camera_nothing_is_kept() -> None:
    assert run_apart(_waiting(None)) == 0 and run_apart(_waiting(Slow())) == 2
