"""What the routes of all modalities do with a request before it is played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import Request

from rsoup_lightning.serving.bodies import read_body
from rsoup_lightning.serving.errors import RequestError
from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.measures import Measures
from rsoup_lightning.serving.points import Points, ServedPoint
from rsoup_lightning.serving.schemas import SoupFields
from rsoup_lightning.serving.waiting import Deadline, attended
from rsoup_lightning.serving.watch import Note

T = TypeVar("T")


class Desk:
    """Takes requests to one soup.

    Args:
        points: finds λ.
        measures: counts.
        limits: of every request.

    Attributes:
        points, measures, limits: as given.
    """

    def __init__(self, points: Points, measures: Measures, limits: Limits) -> None:
        self.points, self.measures, self.limits = points, measures, limits
        self._reading = ThreadPoolExecutor(1, "requests")  # a tokenizer is not for several threads at once

    def deadline(self) -> Deadline:
        """Of a request that comes now."""
        return Deadline(self.limits.timeout)

    async def prepared(self, request: Request, prepare: Callable[[bytes, Note], T], deadline: Deadline) -> T:
        """What ``prepare`` makes of the body of a request, beside the event loop.

        Raises:
            RequestError: whatever is wrong with it, or the time is out.
            ClientGoneError: the client went away.
        """
        try:
            async with asyncio.timeout(deadline.left):
                raw = await read_body(request, self.limits.max_body)
        except TimeoutError:
            told = f"the body was not there after {self.limits.timeout:g} seconds"
            close = {"connection": "close"}  # the rest of it is not read
            raise RequestError(told, "body", status=408, code="timeout", headers=close) from None
        made = asyncio.get_running_loop().run_in_executor(self._reading, prepare, raw, request.state.note)
        return await attended(request.receive, made, deadline)

    def check_choices(self, count: int, field: str) -> None:
        """Require that a request wants no more answers than it may.

        Raises:
            RequestError: it does; names the field.
        """
        if count > self.limits.max_choices:
            said = f"{count} answers are too many for one request: {self.limits.max_choices} at most"
            raise RequestError(said, field)

    def asked(self, asked: SoupFields, note: Note, points: Sequence[ServedPoint]) -> None:
        """Note what is played for whom: the λ of each row."""
        told = [point.record["coefficients"] for point in points]
        alike = all(each == told[0] for each in told)
        note.fields |= {"coefficients": told[0] if alike else told, "rows": len(told)}
        named = {"model", "preference", "user", "safety_identifier"}
        note.fields |= asked.model_dump(include=named, exclude_none=True)
        for point in points:
            self.measures.rows(point, 1)
