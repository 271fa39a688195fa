"""Waiting for rows; that they leave with their client is tested on a real server."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from rsoup_lightning.modalities.language.text_row import TextRequest
from rsoup_lightning.serving.engine import Engine
from rsoup_lightning.serving.errors import ClientGoneError, RequestError
from rsoup_lightning.serving.waiting import Deadline, attended, play
from tests.serving.listening import within
from tests.serving.parrot import Parrot


def engine_of(parrot: Any) -> Engine[Any, Any]:
    return Engine(parrot)


def request(text: str) -> TextRequest:
    return TextRequest([ord(letter) for letter in text], (1.0, 0.0), 16, 1.0)


def test_pieces_come_with_the_number_of_their_row() -> None:
    async def run() -> list[str]:
        texts = ["", ""]
        async with aclosing(play(engine_of(Parrot()), [request("abc"), request("xy")], Deadline(5))) as pieces:
            async for number, piece in pieces:
                texts[number] += piece.text
        return texts

    assert asyncio.run(run()) == ["cba", "yx"]


def test_rows_leave_where_nobody_goes_on_reading() -> None:
    parrot = Parrot(pause=0.02)

    async def run() -> None:
        async with aclosing(play(engine_of(parrot), [request("a long answer")] * 2, Deadline(5))) as pieces:
            await anext(pieces)

    asyncio.run(run())
    assert within(5, lambda: not parrot.running) and parrot.left == 2


async def never() -> Any:
    await asyncio.Event().wait()


async def gone() -> Any:
    return {"type": "http.disconnect"}


def test_work_is_cancelled_where_nobody_waits() -> None:
    ended = []

    async def work() -> None:
        try:
            await never()
        finally:
            ended.append(True)

    async def run(receive: Any, seconds: float) -> None:
        await attended(receive, work(), Deadline(seconds))

    with pytest.raises(ClientGoneError):
        asyncio.run(run(gone, 5))
    with pytest.raises(RequestError, match=r"more than 0\.05 seconds") as late:
        asyncio.run(run(never, 0.05))
    assert late.value.status == 504 and ended == [True, True]
