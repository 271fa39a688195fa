"""Server-sent events: objects as they are streamed, the end of a stream, and errors inside it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rsoup_lightning.serving.errors import ClientGoneError, RequestError
from rsoup_lightning.serving.waiting import Deadline, attended

DONE = b"data: [DONE]\n\n"

SENDING = 10.0
"""Seconds after the limit in which a client must have read what it was sent."""


def event(content: dict[str, Any]) -> bytes:
    """One event.

    >>> event({"a": "ä"})
    b'data: {"a":"\\xc3\\xa4"}\\n\\n'
    """
    return f"data: {json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(',', ':'))}\n\n".encode()


class EventStream(Response):
    """A stream of events, for as long as the client listens.

    Args:
        first: is there already, so that what fails before it has a status of its own.
        events: the others, as they are sent.
        deadline: of the request.
    """

    media_type = "text/event-stream"

    def __init__(self, first: bytes, events: AsyncGenerator[bytes], deadline: Deadline) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._first, self._events, self._deadline = first, events, deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await attended(receive, self._write(send), self._deadline, SENDING)
        except RequestError as error:  # it has not read what it was sent, and will not read of an error either
            raise ClientGoneError from error

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        async with aclosing(self._events) as events:
            async for sent in events:
                await send({"type": "http.response.body", "body": sent, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
