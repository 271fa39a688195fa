"""Waiting for the engine on the event loop: until the answer is there, the time is out or the client is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from starlette.types import Receive

from rsoup_lightning.serving.batches import A, P
from rsoup_lightning.serving.engine import Engine
from rsoup_lightning.serving.errors import ClientGoneError, RequestError, blaming

T = TypeVar("T")


class Deadline:
    """When the time of a request is out.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._end = seconds, time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then, not negative."""
        return max(self._end - time.monotonic(), 0.0)

    def error(self) -> RequestError:
        """What is said then."""
        return RequestError(f"the answer took more than {self._seconds:g} seconds", status=504, code="timeout")


async def attended(receive: Receive, work: Awaitable[T], deadline: Deadline, grace: float = 0.0) -> T:
    """``work``, which is cancelled where nobody waits for it any more; its request has been read.

    Args:
        receive: of the request.
        work: what to wait for.
        deadline: of the request.
        grace: seconds to add.

    Raises:
        ClientGoneError: the client went away.
        RequestError: 504, the time is out.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    try:
        done, _ = await asyncio.wait(
            {working, leaving}, timeout=deadline.left + grace, return_when=asyncio.FIRST_COMPLETED
        )
        if working in done:
            return working.result()
        if leaving in done:
            raise ClientGoneError
        raise deadline.error()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)  # rows are out of the engine after this


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def play(engine: Engine[A, P], requests: Sequence[A], deadline: Deadline) -> AsyncGenerator[tuple[int, P]]:
    """The pieces of several rows as they come, each with the number of its row.

    Rows that have not ended leave the engine when the iterator is closed, or fails.

    Raises:
        RequestError: 429, 503 or 400 where the engine refuses, 504 where the time is out, 500 where a row fails.
    """
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[tuple[int, P | Exception]] = asyncio.Queue()

    def listen(number: int, said: P | Exception) -> None:
        with suppress(RuntimeError):  # the server has ended meanwhile
            loop.call_soon_threadsafe(heard.put_nowait, (number, said))

    running = {}
    try:
        with blaming(None):
            for number, request in enumerate(requests):
                running[number] = engine.submit(request, partial(listen, number))
        while running:
            try:
                number, said = await asyncio.wait_for(heard.get(), deadline.left)
            except TimeoutError:
                raise deadline.error() from None
            if isinstance(said, Exception):
                del running[number]
                with blaming(None):
                    raise said
            if said.finish_reason:
                del running[number]
            yield number, said
    finally:
        for ticket in running.values():
            ticket.cancel()
