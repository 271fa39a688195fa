"""One thread for each model: whoever wants something of it waits in line there, and the page never waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

END = object()


class Owner:
    """The only thread that touches a model, so that no two of its users meet in it.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def do(self, work: Callable[[], T]) -> T:
        """The result of ``work``. If its waiter is cancelled before it has begun, it never begins."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def each(self, start: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        """The parts of a longer work as they come. Others have their turn in between.

        Args:
            start: begins it; the iterator makes the next part in the thread each time, and is closed there, when it
                ends and when its waiter is cancelled.
        """
        parts = await self.do(start)
        try:
            while (part := await self.do(lambda: next(parts, END))) is not END:
                yield part  # type: ignore[misc]
        finally:
            close = getattr(parts, "close", None)  # generators have one
            if close is not None:
                self._thread.submit(close)

    def stop(self) -> None:
        """End the thread after what it does now."""
        self._thread.shutdown(wait=False, cancel_futures=True)
