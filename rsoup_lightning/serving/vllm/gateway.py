"""A gateway to vLLM: requests as our own server takes them, with λ turned into the name of a model that vLLM knows."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from rsoup_lightning.errors import UnknownNameError
from rsoup_lightning.serving.desk import Desk
from rsoup_lightning.serving.errors import LONGEST, RequestError
from rsoup_lightning.serving.events import DONE, EventStream, event
from rsoup_lightning.serving.model_names import model_name
from rsoup_lightning.serving.schemas import read_fields
from rsoup_lightning.serving.vllm.lattice import on_lattice
from rsoup_lightning.serving.vllm.upstream import Reply, Upstream
from rsoup_lightning.serving.waiting import attended
from rsoup_lightning.serving.watch import Note

OURS = ("coefficients", "preference")
"""Fields that vLLM does not know."""
DATA = b"data:"
UNENDED = b'"finish_reason":null'
"""In events that others follow."""


class Addressed(BaseModel):
    """The fields that the gateway reads; all others are vLLM's."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)
    model: str | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    coefficients: dict[str, float] | None = None
    preference: dict[str, float] | None = None


class Gateway(Desk):
    """Passes requests on, and what vLLM answers back.

    Args:
        upstream: the vLLM.
        lattice: steps that λ is rounded to, as vLLM does.
        *rest: as of :class:`Desk`.
    """

    def __init__(self, upstream: Upstream, lattice: int, *rest: Any) -> None:
        super().__init__(*rest)
        self._upstream, self._lattice = upstream, lattice

    async def answer(self, request: Request) -> Response:
        """The response to a request for text."""
        note, deadline = request.state.note, self.deadline()
        body, record = await self.prepared(request, self._translated, deadline)
        asked = self._upstream.ask(request.url.path, body, note.identifier)
        reply = await attended(request.receive, asked, deadline)
        try:
            if reply.media_type.startswith(EventStream.media_type):
                events = self._events(reply, record, note)
                return EventStream(await attended(request.receive, anext(events), deadline), events, deadline)
            content = await attended(request.receive, reply.content(), deadline)
        except BaseException:
            await reply.close()
            raise
        await reply.close()
        return _passed(reply, content, record, note)

    def _translated(self, raw: bytes, note: Note) -> tuple[dict[str, Any], dict[str, Any]]:
        """The request as vLLM takes it, and what the answer is to say of λ."""
        asked = read_fields(Addressed, raw)
        for name in asked.model_extra or {}:
            if get_close_matches(name, OURS, cutoff=0.8):  # vLLM takes no notice of fields that it does not know
                raise RequestError(str(UnknownNameError("field", name, OURS)), name)
        point = self.points.find(asked.model, asked.coefficients, asked.preference)
        if min(point.coefficients) < 0:
            found = ", ".join(f"{name} {weight:.4g}" for name, weight in point.record["coefficients"].items())
            raise RequestError(
                f"this preference leads outside the experts ({found}): vLLM plays none there", "preference"
            )
        played = on_lattice(point.coefficients, self._lattice)
        record = {**point.record, "coefficients": dict(zip(self.points.experts, played, strict=True))}
        if played != point.coefficients:
            record["asked"] = point.record["coefficients"]
        given = asked.model_dump(exclude_unset=True)
        note.fields |= {name: given[name] for name in ("model", "preference", "stream", "user") if name in given}
        note.fields["coefficients"] = record["coefficients"]
        self.measures.rows(replace(point, record=record), asked.n or 1)
        body = {name: value for name, value in given.items() if name not in OURS}
        return {**body, "model": model_name(self.points.name, played)}, record

    async def _events(self, reply: Reply, record: Mapping[str, Any], note: Note) -> AsyncGenerator[bytes]:
        """The events of a reply; the last one also says what λ was.

        Those that may be the last wait for the next one, all others are passed on as they are.
        """
        begun, held = False, b""
        try:
            async for each in reply.events():
                if not begun:
                    self.measures.first_token(note.seconds)
                begun = True
                if held:
                    yield _with_record(held, record) if each == DONE else held
                held = each if each.startswith(DATA) and each != DONE and UNENDED not in each else b""
                if not held:
                    yield each
                if each == DONE:
                    return
            raise RequestError("vLLM broke off its answer: ask again later", status=502, code="no_upstream")
        except RequestError as error:
            if not begun:
                raise
            note.failed(error)
            yield event(error.body)
        finally:
            await reply.close()


def _with_record(sent: bytes, record: Mapping[str, Any]) -> bytes:
    return event({**json.loads(sent.removeprefix(DATA)), "rsoup": record})


def _passed(reply: Reply, content: bytes, record: Mapping[str, Any], note: Note) -> Response:
    """A reply that is no stream: an answer with what λ was, or vLLM's own error."""
    if reply.status == 401:
        raise RequestError("vLLM refuses this gateway's key: set VLLM_API_KEY as it is there", status=502)
    if reply.status != 200:
        note.fields["error"] = content.decode(errors="replace")[:LONGEST]
        return Response(content, reply.status, media_type=reply.media_type)
    return JSONResponse({**json.loads(content), "rsoup": record})


def gateway_routes(gateway: Gateway) -> APIRouter:
    """The routes for text."""
    router = APIRouter(prefix="/v1")
    router.add_api_route("/completions", gateway.answer, methods=["POST"])
    router.add_api_route("/chat/completions", gateway.answer, methods=["POST"])
    return router
