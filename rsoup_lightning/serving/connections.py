"""Connections over which nothing moves, and that are closed therefore."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

STALLED = 20.0
"""Seconds in which a client must have sent the head of its request, or read some of what it was sent."""


class Connection(H11Protocol):
    """One of HTTP/1.1, closed where its client for too long sends no whole head of a request, reads nothing, or goes on
    with a request that was answered.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._looking.cancel()
        super().connection_lost(exc)

    def _look(self, before: Any) -> None:
        """Compare with what was seen before: uvicorn makes a new ``cycle`` of each request."""
        unread = self.transport.get_write_buffer_size()
        seen = self.cycle, self.conn.their_state, unread
        # A body that nobody waits for any more, after a refusal, would otherwise be held open by its sender.
        answered = self.cycle is not None and self.cycle.response_complete
        if seen == before and (unread or answered or self.conn.their_state is h11.IDLE):
            self.transport.abort()
        self._looking = self.loop.call_later(STALLED, self._look, seen)
