"""A batch without a model, its engine and the application around it: answers are prompts read backwards."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.front.record import Record
from rsoup_lightning.front.results import Point, front_record
from rsoup_lightning.modalities.language.pieces import TextPiece, TokenScore
from rsoup_lightning.modalities.language.text_row import TextRequest
from rsoup_lightning.playing.front import Front
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.serving.app import create_app
from rsoup_lightning.serving.engine import Engine
from rsoup_lightning.serving.gate import Gate
from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.points import Points
from rsoup_lightning.serving.text_engine import TextEngine
from rsoup_lightning.simplex import grid
from tests.conftest import Plane, PointPolicy

LONGEST = 40


class Parrot:
    """Writes a letter of every row in a step.

    Args:
        pause: seconds of a step.
        rows: how many at once.
        fails_at: the letter at which a row makes the step fail.
    """

    def __init__(self, pause: float = 0.0, rows: int = 8, fails_at: int | None = None) -> None:
        self.pause, self.rows, self.fails_at = pause, rows, fails_at
        self.asked: list[TextRequest] = []
        self.running: dict[int, tuple[TextRequest, int]] = {}
        self.steps = self.left = 0
        self._names = count()

    def __len__(self) -> int:
        return len(self.running)

    def check(self, request: TextRequest) -> None:
        if not request.prompt:
            raise ConfigError("the prompt is empty")
        total = len(request.prompt) + request.max_new_tokens
        if total > LONGEST:
            raise ConfigError(f"prompt and answer have {total} tokens, the model reads {LONGEST}")

    def fits(self, request: TextRequest) -> bool:
        return len(self.running) < self.rows

    def join(self, request: TextRequest) -> int:
        name = next(self._names)
        self.asked.append(request)
        self.running[name] = request, 0
        return name

    def leave(self, name: int) -> None:
        self.left += self.running.pop(name, None) is not None

    def clear(self) -> None:
        self.running.clear()

    def step(self) -> list[tuple[int, TextPiece]]:
        time.sleep(self.pause)
        self.steps += 1
        pieces = []
        for name, (request, place) in list(self.running.items()):
            if place == self.fails_at:
                raise RuntimeError("out of memory")
            piece = self._piece(request, place)
            pieces.append((name, piece))
            self.running[name] = request, place + 1
            if piece.finish_reason:
                del self.running[name]
        return pieces

    def _piece(self, request: TextRequest, place: int) -> TextPiece:
        letters = [*(chr(token) for token in reversed(request.prompt)), ""]
        letter, scores = letters[place], list[TokenScore]()
        if request.top_logprobs is not None and letter:
            top = [(letter, -0.5), ("\N{REPLACEMENT CHARACTER}", -float("inf"))][: request.top_logprobs]
            scores = [TokenScore(ord(letter), letter, -0.5, top)]
        ended = "stop" if not letter else "length" if place + 1 == request.max_new_tokens else None
        return TextPiece(letter, place + 1, scores, ended)


class ParrotEngine(Engine[TextRequest, TextPiece]):
    """Plays a parrot, whose tokens are letters."""

    temperature = 1.0

    def limit(self, prompt: Sequence[int]) -> int:
        return 16

    def completion_prompt(self, given: str | Sequence[int]) -> list[int]:
        return [ord(letter) for letter in given] if isinstance(given, str) else list(given)

    def chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        return self.completion_prompt("|".join(message["content"] for message in messages))


def soup(*experts: str, front: bool = False) -> Soup:
    """Two experts, or those that are named; ``front``: with one, on which the best λ for μ is μ."""
    names = experts or ("kind", "brief")
    measured = Front(Path("run"), _record()) if front else None
    return Soup(PointPolicy(), {name: {} for name in names}, Plane(), names if front else (), measured)


def _record() -> Record:
    turns, points = 0.05 * (-1.0) ** np.arange(100), []
    for kind, brief in grid(2, 11):
        scores = {"kind": 10 * (1 - brief**2) + turns, "brief": 1 - kind**2 + turns}
        points.append(Point("expert" if 1 in (kind, brief) else "soup", {"kind": kind, "brief": brief}, None, scores))
    return front_record("toy", ["kind", "brief"], points, reference_point=None, training_cost={})


def parrot_app(parrot: Parrot | None = None, *, max_queue: int = 8, **settings: Any) -> FastAPI:
    """The application around a parrot; its engine is ``app.state.engine``."""
    batch: Any = Parrot() if parrot is None else parrot  # which is false while it is empty
    engine: Any = ParrotEngine(batch, max_queue)
    app = app_of(engine, **settings)
    app.state.engine = engine
    return app


def app_of(
    engine: TextEngine,
    *,
    points: Points | None = None,
    limits: Limits | None = None,
    gate: Gate | None = None,
    log: Callable[[str], None] = json.loads,
) -> FastAPI:
    """The application around an engine, whose model is ``tuned`` and plays its first expert by default."""
    made = points or Points("tuned", soup(), {"kind": 1.0})
    return create_app(engine, made, limits or Limits(), gate or Gate(), log)


def asking(**fields: Any) -> dict[str, Any]:
    """The fields of a chat that is right, and others."""
    return {"messages": [{"role": "user", "content": "hello"}], **fields}
