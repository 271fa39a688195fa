"""Routes of policies that play a request in one go: ``/v1/act``, ``/v1/images/generations``, chat with a picture."""

from __future__ import annotations

import base64
import io
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from PIL.Image import Image

from rsoup_lightning.modalities.control.playing import Acting
from rsoup_lightning.modalities.diffusion.playing import Drawing
from rsoup_lightning.modalities.running_calls import CallRequest
from rsoup_lightning.modalities.vision_language.playing import Describing
from rsoup_lightning.run.recipes.parsing import LARGEST_SEED
from rsoup_lightning.serving.call_engine import CallEngine
from rsoup_lightning.serving.call_schemas import ActRequest, DescribeRequest, DrawRequest
from rsoup_lightning.serving.desk import Desk
from rsoup_lightning.serving.errors import RequestError, blaming
from rsoup_lightning.serving.events import DONE, EventStream, event
from rsoup_lightning.serving.openapi import takes
from rsoup_lightning.serving.points import ServedPoint
from rsoup_lightning.serving.schemas import SoupFields, Strict, read_fields
from rsoup_lightning.serving.waiting import Deadline, attended, play
from rsoup_lightning.serving.watch import Note

Body = dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A request that may be played.

    Attributes:
        rows: what to play.
        field: at fault where that is refused.
        write: writes down what it made.
        streams: whether to stream that.
    """

    rows: CallRequest[Any]
    field: str
    write: Callable[[Sequence[Any]], Body]
    streams: bool = False


class CallDesk(Desk):
    """Turns requests into rows of the engine, and what these make into answers.

    Args:
        engine: plays the rows.
        *rest: as of :class:`Desk`.
    """

    def __init__(self, engine: CallEngine, *rest: Any) -> None:
        super().__init__(*rest)
        self._engine = engine

    async def answer(self, request: Request, prepare: Callable[[bytes, Note], Prepared]) -> Response:
        """The response to a request."""
        deadline = self.deadline()
        asked = await self.prepared(request, prepare, deadline)
        made = await attended(request.receive, self._played(asked, deadline), deadline)
        if asked.streams:
            return EventStream(event(asked.write(made)), _end(), deadline)
        return JSONResponse(asked.write(made))

    async def _played(self, asked: Prepared, deadline: Deadline) -> Sequence[Any]:
        try:
            return [each async for _, result in play(self._engine, [asked.rows], deadline) for each in result.made]
        except RequestError as error:
            if error.status == 400 and error.param is None:  # what only the model knows, as how much it reads
                error.param = asked.field
            raise

    def act(self, raw: bytes, note: Note) -> Prepared:
        """Of ``/v1/act``."""
        asked, player = read_fields(ActRequest, raw), self._engine.player
        with blaming("observations"):
            seen = player.checked(asked.observations)
            if seen.shape == player.shape:
                raise RequestError("observations must be a list of them, one for each row", "observations")
        each = isinstance(asked.coefficients, list)
        if each and len(asked.coefficients or ()) != len(seen):
            told = f"{len(asked.coefficients or ())} λ for {len(seen)} observations: give one for each, or one for all"
            raise RequestError(told, "coefficients")
        given = asked.coefficients if isinstance(asked.coefficients, list) else [asked.coefficients]
        points = [self.points.find(asked.model, point, asked.preference) for point in given]
        points = points if each else points * len(seen)

        def write(actions: Sequence[Any]) -> Body:
            record = {"coefficients": [p.record["coefficients"] for p in points]} if each else points[0].record
            return self._body("actions", asked, record, actions=np.asarray(actions).tolist())

        return Prepared(self._rows(asked, note, points, list(seen), "observations"), "observations", write)

    def draw(self, raw: bytes, note: Note) -> Prepared:
        """Of ``/v1/images/generations``."""
        asked = read_fields(DrawRequest, raw)
        self.check_choices(asked.n, "n")
        point = self.points.find(asked.model, asked.coefficients, asked.preference)
        seed = secrets.randbelow(LARGEST_SEED + 1) if asked.seed is None else asked.seed
        given = [(asked.prompt, (seed + number) % (LARGEST_SEED + 1)) for number in range(asked.n)]
        note.fields["seed"] = seed

        def write(pictures: Sequence[Image]) -> Body:
            data = [{"b64_json": base64.b64encode(_png(picture)).decode()} for picture in pictures]
            record = {**point.record, "seed": seed}
            return {**self._body("images", asked, record, data=data), "output_format": "png"}

        return Prepared(self._rows(asked, note, [point] * asked.n, given, "n"), "prompt", write)

    def describe(self, raw: bytes, note: Note) -> Prepared:
        """Of ``/v1/chat/completions``, with a picture."""
        asked = read_fields(DescribeRequest, raw)
        with blaming("messages"):
            picture, question = asked.messages[0].content
            self._engine.player.check(question)
        point = self.points.find(asked.model, asked.coefficients, asked.preference)

        def write(texts: Sequence[str]) -> Body:
            message = {"role": "assistant", "content": texts[0]}
            said = {"delta": message} if asked.stream else {"message": {**message, "refusal": None}}
            choice = {"index": 0, **said, "logprobs": None, "finish_reason": "stop"}
            kind = "chat.completion.chunk" if asked.stream else "chat.completion"
            body = self._body(kind, asked, point.record, choices=[choice])
            return {"id": f"chatcmpl-{note.identifier}", **body}

        rows = self._rows(asked, note, [point], [(picture, question)], "messages")
        return Prepared(rows, "messages", write, asked.stream)

    def _rows(
        self, asked: SoupFields, note: Note, points: Sequence[ServedPoint], given: Sequence[Any], field: str
    ) -> CallRequest[Any]:
        rows = CallRequest([point.coefficients for point in points], given)
        with blaming(field):
            self._engine.check(rows)
        self.asked(asked, note, points)
        return rows

    def _body(self, kind: str, asked: SoupFields, record: Any, **content: Any) -> Body:
        head = {"object": kind, "created": int(time.time()), "model": asked.model or self.points.name}
        return {**head, **content, "rsoup": record}


async def _end() -> AsyncGenerator[bytes]:
    yield DONE


def _png(picture: Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


WAYS: Mapping[type, tuple[str, Callable[[CallDesk, bytes, Note], Prepared], type[Strict], str]] = {
    Acting: ("/act", CallDesk.act, ActRequest, "Actions for observations, one for each row."),
    Drawing: ("/images/generations", CallDesk.draw, DrawRequest, "Pictures for a prompt."),
    Describing: (
        "/chat/completions",
        CallDesk.describe,
        DescribeRequest,
        "What a picture shows, or an answer.",
    ),
}
"""By what plays the rows: the path under ``/v1``, what prepares a request, its body, and what it gives."""


def call_routes(desk: CallDesk, player: type) -> APIRouter:
    """The route of what a ``player`` does."""
    path, prepare, body, description = WAYS[player]
    router = APIRouter(prefix="/v1")

    @router.post(path, description=description, openapi_extra=takes(body))
    async def played(request: Request) -> Response:
        return await desk.answer(request, partial(prepare, desk))

    return router
