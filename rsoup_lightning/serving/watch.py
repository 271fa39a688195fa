"""What is written down of every request: a line of JSON, and its share in the measures."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rsoup_lightning.serving.errors import ClientGoneError, RequestError, refusal, unavailable
from rsoup_lightning.serving.measures import Measures

CLIENT_GONE = 499
"""In the place of a status where nobody waited for one, as nginx has it."""


@dataclass
class Note:
    """What is known of a request.

    Attributes:
        identifier: also in the response, as ``x-request-id``.
        start: on the monotonic clock.
        status: of the response, or of how it ended.
        fields: whatever routes add for the log.
    """

    identifier: str = field(default_factory=lambda: uuid4().hex)
    start: float = field(default_factory=time.monotonic)
    status: int = 0
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self.start

    def failed(self, error: RequestError) -> None:
        """It is refused, or breaks off."""
        self.status = error.status
        self.fields["error"] = str(error)

    def crashed(self, error: Exception) -> RequestError:
        """A fault of ours; gives what the client is told."""
        self.fields["traceback"] = "".join(traceback.format_exception(error))
        told = RequestError(f"the server failed: {type(error).__name__}; its log has more", status=500)
        self.failed(told)
        return told


def watch(app: ASGIApp, measures: Measures, log: Callable[[str], None]) -> ASGIApp:
    """``app``, and whatever it is asked is written down; see :class:`Note`, which is ``request.state.note``."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        note = Note()
        scope.setdefault("state", {})["note"] = note

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                note.status = note.status or message["status"]
                MutableHeaders(scope=message)["x-request-id"] = note.identifier
            await send(message)

        try:
            await app(scope, receive, noting)
        except (ClientGoneError, asyncio.CancelledError) as error:
            note.status = CLIENT_GONE
            if isinstance(error, asyncio.CancelledError):
                note.failed(unavailable("the server ended before the answer was whole"))
                raise
        except Exception as error:
            begun = note.status
            told = note.crashed(error)
            if not begun:
                await refusal(told)(scope, receive, noting)
        finally:
            path = scope["route"].path if "route" in scope else "other"
            measures.request(path, note.status, note.seconds)
            client = scope.get("client") or ("",)
            asked = {"id": note.identifier, "client": client[0], "method": scope["method"], "path": scope["path"]}
            log(_line(**asked, status=note.status, seconds=round(note.seconds, 4), **note.fields))

    return watched


@contextmanager
def structured(log: Callable[[str], None]) -> Iterator[None]:
    """What the library and uvicorn say inside the block goes to ``log`` too, as lines of JSON."""
    loggers = [logging.getLogger(name) for name in ("rsoup_lightning", "uvicorn")]
    before = [(logger.handlers[:], logger.level) for logger in loggers]
    try:
        for logger in loggers:
            logger.handlers[:] = [_Lines(log)]
            logger.setLevel(logging.INFO)
        yield
    finally:
        for logger, (handlers, level) in zip(loggers, before, strict=True):
            logger.handlers[:] = handlers
            logger.setLevel(level)


class _Lines(logging.Handler):
    def __init__(self, log: Callable[[str], None]) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        failed = {"traceback": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
        self._log(_line(level=record.levelname.lower(), message=record.getMessage(), **failed))


def _line(**fields: Any) -> str:
    return json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields})
