"""``/v1/completions`` and ``/v1/chat/completions``."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.text_row import TextRequest
from rsoup_lightning.run.parsing import LARGEST_SEED
from rsoup_lightning.serving.bodies import read_body
from rsoup_lightning.serving.errors import RequestError, blaming
from rsoup_lightning.serving.events import DONE, EventStream, event
from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.measures import Measures
from rsoup_lightning.serving.points import Points
from rsoup_lightning.serving.schemas import ChatRequest, CompletionRequest, TextFields, read_fields
from rsoup_lightning.serving.text_answers import Answer, ChatForm, CompletionForm, Form
from rsoup_lightning.serving.text_engine import TextEngine
from rsoup_lightning.serving.waiting import Deadline, attended, play
from rsoup_lightning.serving.watch import Note


@dataclass(frozen=True)
class Prompt:
    """What the engine reads, and the field that it comes from."""

    tokens: list[int]
    field: str


class TextDesk:
    """Turns requests for text into rows of the engine, and what these write into answers.

    Args:
        engine: plays the rows.
        points: finds λ.
        measures: counts.
        limits: of every request.
    """

    def __init__(self, engine: TextEngine, points: Points, measures: Measures, limits: Limits) -> None:
        self._engine, self._points, self._measures, self._limits = engine, points, measures, limits
        self._reading = ThreadPoolExecutor(1, "requests")  # a tokenizer is not for several threads at once

    async def answer(
        self, request: Request, prepare: Callable[[bytes, Note], tuple[Answer, list[TextRequest], bool]]
    ) -> Response:
        """The response to a request.

        Args:
            request: as it came.
            prepare: makes of its body the answer to be, the rows, and whether to stream them.
        """
        note, deadline = request.state.note, Deadline(self._limits.timeout)
        try:
            async with asyncio.timeout(deadline.left):
                raw = await read_body(request, self._limits.max_body)
        except TimeoutError:
            raise deadline.error() from None
        made = asyncio.get_running_loop().run_in_executor(self._reading, prepare, raw, note)
        answer, rows, streams = await attended(request.receive, made, deadline)
        if streams:
            events = self._events(answer, rows, note, deadline)
            return EventStream(await attended(request.receive, anext(events), deadline), events, deadline)
        await attended(request.receive, self._fill(answer, rows, note, deadline), deadline)
        return JSONResponse(answer.body())

    def completion(self, raw: bytes, note: Note) -> tuple[Answer, list[TextRequest], bool]:
        """Of ``/v1/completions``."""
        asked = read_fields(CompletionRequest, raw)
        self._check_choices(len(asked.prompt), asked.n, "prompt")
        prompts = []
        for number, given in enumerate(asked.prompt):
            field = f"prompt[{number}]" if len(asked.prompt) > 1 else "prompt"
            with blaming(field):
                tokens = self._engine.completion_prompt(given)
            prompts.append(Prompt(tokens, field))
        return self._rows(CompletionForm(), asked, note, prompts, asked.logprobs, asked.max_tokens, "max_tokens")

    def chat(self, raw: bytes, note: Note) -> tuple[Answer, list[TextRequest], bool]:
        """Of ``/v1/chat/completions``."""
        asked = read_fields(ChatRequest, raw)
        self._check_choices(1, asked.n, "messages")
        with blaming("messages"):
            tokens = self._engine.chat([message.turn for message in asked.messages])
        top = (asked.top_logprobs or 0) if asked.logprobs else None
        field = "max_tokens" if asked.max_tokens else "max_completion_tokens"
        limit = asked.max_tokens or asked.max_completion_tokens
        return self._rows(ChatForm(), asked, note, [Prompt(tokens, "messages")], top, limit, field)

    def _check_choices(self, prompts: int, each: int, field: str) -> None:
        if prompts * each > self._limits.max_choices:
            said = f"{prompts * each} answers are too many for one request: {self._limits.max_choices} at most"
            raise RequestError(said, "n" if each > 1 else field)

    def _rows(
        self,
        form: Form,
        asked: TextFields,
        note: Note,
        prompts: Sequence[Prompt],
        top_logprobs: int | None,
        limit: int | None,
        limit_field: str,
    ) -> tuple[Answer, list[TextRequest], bool]:
        point = self._points.find(asked.model, asked.coefficients, asked.preference)
        seed = secrets.randbelow(LARGEST_SEED + 1) if asked.seed is None else asked.seed
        first = TextRequest(
            prompts[0].tokens,
            point.coefficients,
            limit or self._engine.max_new_tokens,
            self._engine.temperature if asked.temperature is None else asked.temperature,
            asked.top_p,
            seed,
            asked.stop,
            top_logprobs,
        )
        rows = []
        for prompt in prompts:
            row = replace(first, prompt=prompt.tokens)
            self._check(row, prompt.field, limit_field)
            rows += [replace(row, seed=(seed + number) % (LARGEST_SEED + 1)) for number in range(asked.n)]
        prompt_tokens = sum(len(prompt.tokens) for prompt in prompts)
        note.fields |= {
            "coefficients": point.record["coefficients"],
            "rows": len(rows),
            "prompt_tokens": prompt_tokens,
            "seed": seed,
            **asked.model_dump(
                include={"model", "preference", "stream", "user", "safety_identifier"}, exclude_none=True
            ),
        }
        self._measures.rows(point, len(rows))
        head = {
            "id": f"{form.prefix}-{note.identifier}",
            "created": int(time.time()),
            "model": asked.model or self._points.name,
        }
        answer = Answer(
            form,
            head,
            prompt_tokens=prompt_tokens,
            choices=len(rows),
            scored=top_logprobs is not None,
            usage=asked.stream_options is not None and asked.stream_options.include_usage,
            record={**point.record, "seed": seed},
        )
        return answer, rows, asked.stream

    def _check(self, row: TextRequest, prompt_field: str, limit_field: str) -> None:
        """Require that a row fits, or else say whether its prompt or its limit is too long."""
        longest = self._limits.max_prompt_tokens
        if longest is not None and len(row.prompt) > longest:
            raise RequestError(f"the prompt has {len(row.prompt)} tokens: {longest} at most", prompt_field)
        with blaming(limit_field):
            try:
                self._engine.check(row)
            except ConfigError:
                with blaming(prompt_field):
                    self._engine.check(replace(row, max_new_tokens=1))
                raise

    async def _fill(self, answer: Answer, rows: Sequence[TextRequest], note: Note, deadline: Deadline) -> None:
        async with aclosing(play(self._engine, rows, deadline)) as pieces:
            async for number, piece in pieces:
                answer.add(number, piece)
                self._observe(answer, note)

    async def _events(
        self, answer: Answer, rows: Sequence[TextRequest], note: Note, deadline: Deadline
    ) -> AsyncGenerator[bytes]:
        begun = False
        try:
            async with aclosing(play(self._engine, rows, deadline)) as pieces:
                async for number, piece in pieces:
                    for chunk in answer.chunks(number, piece):
                        self._observe(answer, note)
                        yield event(chunk)
                        begun = True
            yield DONE
        except Exception as error:
            if not begun:
                raise
            told = error if isinstance(error, RequestError) else note.crashed(error)
            note.failed(told)
            yield event(told.body)

    def _observe(self, answer: Answer, note: Note) -> None:
        if "first_token" not in note.fields:
            note.fields["first_token"] = round(note.seconds, 4)
            self._measures.first_token(note.seconds)
        note.fields["completion_tokens"] = answer.tokens


def text_routes(desk: TextDesk) -> APIRouter:
    """The routes for language models."""
    router = APIRouter(prefix="/v1")

    @router.post("/completions")
    async def completions(request: Request) -> Response:
        return await desk.answer(request, desk.completion)

    @router.post("/chat/completions")
    async def chat_completions(request: Request) -> Response:
        return await desk.answer(request, desk.chat)

    return router
