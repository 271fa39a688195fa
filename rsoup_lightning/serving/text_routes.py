"""``/v1/completions`` and ``/v1/chat/completions``."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.text_row import TextRequest
from rsoup_lightning.run.recipes.parsing import LARGEST_SEED
from rsoup_lightning.serving.desk import Desk
from rsoup_lightning.serving.errors import RequestError, blaming
from rsoup_lightning.serving.events import DONE, EventStream, event
from rsoup_lightning.serving.openapi import takes
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


class TextDesk(Desk):
    """Turns requests for text into rows of the engine, and what these write into answers.

    Args:
        engine: plays the rows.
        *rest: as of :class:`Desk`.
    """

    def __init__(self, engine: TextEngine, *rest: Any) -> None:
        super().__init__(*rest)
        self._engine = engine

    async def answer(
        self, request: Request, prepare: Callable[[bytes, Note], tuple[Answer, list[TextRequest], bool]]
    ) -> Response:
        """The response to a request.

        Args:
            request: as it came.
            prepare: makes of its body the answer to be, the rows, and whether to stream them.
        """
        note, deadline = request.state.note, self.deadline()
        answer, rows, streams = await self.prepared(request, prepare, deadline)
        if streams:
            events = self._events(answer, rows, note, deadline)
            return EventStream(await attended(request.receive, anext(events), deadline), events, deadline)
        await attended(request.receive, self._fill(answer, rows, note, deadline), deadline)
        return JSONResponse(answer.body())

    def completion(self, raw: bytes, note: Note) -> tuple[Answer, list[TextRequest], bool]:
        """Of ``/v1/completions``."""
        asked = read_fields(CompletionRequest, raw)
        self.check_choices(len(asked.prompt) * asked.n, "n" if asked.n > 1 else "prompt")
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
        self.check_choices(asked.n, "n")
        with blaming("messages"):
            tokens = self._engine.chat([message.turn for message in asked.messages])
        top = (asked.top_logprobs or 0) if asked.logprobs else None
        field = "max_tokens" if asked.max_tokens else "max_completion_tokens"
        limit = asked.max_tokens or asked.max_completion_tokens
        return self._rows(ChatForm(), asked, note, [Prompt(tokens, "messages")], top, limit, field)

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
        point = self.points.find(asked.model, asked.coefficients, asked.preference)
        seed = secrets.randbelow(LARGEST_SEED + 1) if asked.seed is None else asked.seed
        rows = []
        for prompt in prompts:
            row = TextRequest(
                prompt.tokens,
                point.coefficients,
                limit or self._engine.limit(prompt.tokens),
                self._engine.temperature if asked.temperature is None else asked.temperature,
                asked.top_p,
                seed,
                asked.stop,
                top_logprobs,
            )
            self._check(row, prompt.field, limit_field)
            rows += [replace(row, seed=(seed + number) % (LARGEST_SEED + 1)) for number in range(asked.n)]
        prompt_tokens = sum(len(prompt.tokens) for prompt in prompts)
        note.fields |= {
            "prompt_tokens": prompt_tokens,
            "seed": seed,
            "stream": asked.stream,
        }
        self.asked(asked, note, [point] * len(rows))
        head = {
            "id": f"{form.prefix}-{note.identifier}",
            "created": int(time.time()),
            "model": asked.model or self.points.name,
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
        longest = self.limits.max_prompt_tokens
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
            self.measures.first_token(note.seconds)
        note.fields["completion_tokens"] = answer.tokens


def text_routes(desk: TextDesk) -> APIRouter:
    """The routes for language models."""
    router = APIRouter(prefix="/v1")

    @router.post("/completions", openapi_extra=takes(CompletionRequest))
    async def completions(request: Request) -> Response:
        """Text that goes on from a prompt, or from each of several."""
        return await desk.answer(request, desk.completion)

    @router.post("/chat/completions", openapi_extra=takes(ChatRequest))
    async def chat_completions(request: Request) -> Response:
        """The next turn of a conversation."""
        return await desk.answer(request, desk.chat)

    return router
