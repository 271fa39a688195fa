"""A server that says where it is, finishes what runs when it is told to stop, and turns away what comes then."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.serving.connections import Connection
from rsoup_lightning.serving.gate import Gate

LARGEST_PORT = 65535
OF_ITS_END = ("CancelledError", "timeout graceful shutdown exceeded", "Application shutdown failed. Exiting.")
"""How what uvicorn says of an end ends."""

logger = logging.getLogger(__name__)


def bind(host: str, port: int) -> socket.socket:
    """A socket at an address, which nobody can connect to yet.

    Args:
        host: a name or an address.
        port: 0: any that is free.

    Raises:
        ConfigError: there is no such address, or it is taken.
    """
    if not 0 <= port <= LARGEST_PORT:
        raise ConfigError(f"port {port}: it must be from 0 to {LARGEST_PORT}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        raise ConfigError(
            f"cannot listen at {host}, port {port}: {error.strerror}; port 0 takes any that is free"
        ) from None
    return made


def address(bound: socket.socket) -> str:
    """Where to reach it."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def url(bound: socket.socket) -> str:
    """Where to reach it, as clients of OpenAI's interface want it."""
    return f"{address(bound)}/v1"


def ending_quietly() -> None:
    """Have uvicorn say nothing of what its end breaks off: that is no fault, and whoever ends it knows."""
    logging.getLogger("uvicorn.error").addFilter(_of_more_than_an_end)


def _of_more_than_an_end(record: logging.LogRecord) -> bool:
    raised = record.exc_info[0] if record.exc_info else None
    cancelled = raised is not None and issubclass(raised, asyncio.CancelledError)
    return not cancelled and not record.getMessage().rstrip().endswith(OF_ITS_END)


class Server(uvicorn.Server):
    """Serves an application until a signal comes, then finishes what runs already; a second signal breaks that off.

    Args:
        app: the application.
        gate: which the first signal closes.
        patience: seconds for what runs.
        ready: called once connections are accepted.

    Raises:
        ConfigError: patience is negative.
    """

    def __init__(self, app: ASGIApp, gate: Gate, patience: float, ready: Callable[[], None]) -> None:
        if not patience >= 0:
            raise ConfigError(f"patience is {patience}: it must not be negative")
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            http=Connection,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        ending_quietly()
        gate.connections = self.server_state.connections
        self._gate, self._patience, self._ready = gate, patience, ready
        self._end = float("inf")
        self._told = False

    def close(self) -> None:
        """Turn away what comes; end when nothing runs, or patience does."""
        self._gate.closed, self._end = True, time.monotonic() + self._patience

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal closes, the second breaks off."""
        if self._gate.closed:
            self.should_exit = True
        else:
            self.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections, and say so."""
        await super().startup(sockets)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Whether to end now."""
        if self._gate.closed and not self._told:  # not in the signal's handler, amid whatever it interrupted
            self._told = True
            logger.info("stopping; requests to answer first: %d; another signal breaks them off", self._gate.inside)
        ended = self._gate.closed and (self._gate.inside == 0 or time.monotonic() > self._end)
        return ended or await super().on_tick(counter)
