"""What a gateway sees of vLLM with our plug-in, but no model: answers are prompts read backwards, letter by letter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from rsoup_lightning.serving.vllm.plugin import SOUPS_PATH


@dataclass
class StandIn:
    """A server and what it has been asked.

    Attributes:
        soups: as the plug-in tells them.
        keep: likewise.
        key: that requests must have, if any.
        pause: seconds before each letter.
        asked: bodies of requests for text.
        headers: of the last of them.
        loaded: names of models, before anybody asks for one.
        unloaded: names of models.
        left: how many streams their clients have left.
    """

    soups: dict[str, list[str]] = field(default_factory=lambda: {"tuned": ["kind", "brief"]})
    keep: int = 2
    key: str | None = None
    pause: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    loaded: tuple[str, ...] = ()
    unloaded: list[str] = field(default_factory=list)
    left: int = 0

    def app(self) -> FastAPI:
        """The routes that a gateway asks for."""
        app = FastAPI()

        @app.middleware("http")
        async def guard(request: Request, call: Any) -> Response:
            if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
                return JSONResponse({"error": "Unauthorized"}, 401)
            return await call(request)

        @app.get(SOUPS_PATH)
        async def soups() -> dict[str, Any]:
            return {"soups": self.soups, "lattice": 20, "keep": self.keep}

        @app.get("/v1/models")
        async def models() -> dict[str, Any]:
            return {"data": [{"id": name} for name in ("base", *self.loaded)]}

        @app.get("/health")
        async def health() -> None: ...

        @app.post("/v1/unload_lora_adapter")
        async def unload(request: Request) -> None:
            self.unloaded.append((await request.json())["lora_name"])

        @app.post("/v1/completions")
        async def completions(request: Request) -> Response:
            body = await request.json()
            self.asked.append(body)
            self.headers = dict(request.headers)
            if body["prompt"] == "wrong":
                return JSONResponse({"error": {"message": "wrong", "code": 400}}, 400)
            if body.get("stream"):
                return StreamingResponse(self._events(body), media_type="text/event-stream; charset=utf-8")
            await asyncio.sleep(self.pause * len(body["prompt"]))
            choice = {"index": 0, "text": body["prompt"][::-1], "finish_reason": "stop"}
            return JSONResponse({"model": body["model"], "choices": [choice], "usage": {"completion_tokens": 9}})

        return app

    async def _events(self, body: dict[str, Any]) -> AsyncGenerator[str]:
        whole = False
        try:
            letters = body["prompt"][::-1]
            for place, letter in enumerate(letters):
                await asyncio.sleep(self.pause)
                if letter == "!":
                    raise RuntimeError("the engine died")
                ended = "stop" if place + 1 == len(letters) else None
                yield _event({"choices": [{"index": 0, "text": letter, "finish_reason": ended}]})
            if body.get("stream_options", {}).get("include_usage"):
                yield _event({"choices": [], "usage": {"completion_tokens": len(letters)}})
            yield "data: [DONE]\n\n"
            whole = True
        finally:
            self.left += not whole


def _event(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content, separators=(',', ':'))}\n\n"
