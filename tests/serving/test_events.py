"""What is streamed; that a stream ends where nobody listens is tested on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from rsoup_lightning.serving import events as serving_events
from rsoup_lightning.serving.errors import ClientGoneError
from rsoup_lightning.serving.events import EventStream
from rsoup_lightning.serving.waiting import Deadline


def test_a_client_that_reads_nothing_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_events, "SENDING", 0.01)
    closed = []

    async def events() -> AsyncGenerator[bytes]:
        try:
            yield b"second"
        finally:
            closed.append(True)

    async def send(message: Any) -> None:
        if message.get("body") == b"second":
            await asyncio.Event().wait()

    async def run() -> None:
        response = EventStream(b"first", events(), Deadline(0.01))
        await response({"type": "http"}, asyncio.Event().wait, send)  # type: ignore[arg-type]

    with pytest.raises(ClientGoneError):
        asyncio.run(run())
    assert closed


def test_a_stream_is_closed_when_it_ends() -> None:
    sent: list[Any] = []
    closed = []

    async def events() -> AsyncGenerator[bytes]:
        try:
            yield b"second"
        finally:
            closed.append(True)

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        response = EventStream(b"first", events(), Deadline(5))
        await response({"type": "http"}, asyncio.Event().wait, send)  # type: ignore[arg-type]

    asyncio.run(run())
    start, *bodies = sent
    assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
    assert not any(name == b"content-length" for name, _ in start["headers"])
    assert [body["body"] for body in bodies] == [b"first", b"second", b""] and closed
