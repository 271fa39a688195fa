"""Seeded damage to the bodies of requests: each is refused by a 4xx that names the field, and the server lives.

A few dozen by default; ``RSOUP_MALFORMED=300 pytest -s tests/serving/test_malformed.py`` sends three hundred to each
interface and prints what became of them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import httpx2
import pytest

from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.serving.call_engine import CallEngine
from rsoup_lightning.serving.call_schemas import ActRequest, DescribeRequest, DrawRequest
from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.points import Points
from rsoup_lightning.serving.schemas import ChatRequest, CompletionRequest, Strict
from rsoup_lightning.serving.text_engine import TextEngine
from tests.modalities.diffusion import test_playing as drawing
from tests.modalities.language import test_playing as writing
from tests.modalities.test_running_calls import acting
from tests.modalities.vision_language import test_playing as describing
from tests.serving.listening import serving_app
from tests.serving.malformed import malformed
from tests.serving.parrot import app_of
from tests.serving.rightful import LIMIT, right

JSON = {"content-type": "application/json"}
SEEDS = int(os.environ.get("RSOUP_MALFORMED", "40"))
SOUPS: dict[str, Callable[[], Soup]] = {
    "text": writing.soup,
    "control": acting,
    "denoiser": lambda: drawing.soup(drawing.lora),
    "captioner": lambda: describing.soup(False)[0],
}
ASKED: list[tuple[str, str, type[Strict]]] = [
    ("text", "completions", CompletionRequest),
    ("text", "chat/completions", ChatRequest),
    ("control", "act", ActRequest),
    ("denoiser", "images/generations", DrawRequest),
    ("captioner", "chat/completions", DescribeRequest),
]


@pytest.mark.parametrize(("kind", "path", "schema"), ASKED)
def test_malformed_bodies(kind: str, path: str, schema: type[Strict]) -> None:
    soup, make = SOUPS[kind](), TextEngine if kind == "text" else CallEngine
    outcomes, wrong = Counter[str](), []
    with make(soup, max_rows=8) as engine:
        app = app_of(engine, points=Points("tuned", soup), limits=Limits(max_body=LIMIT))  # type: ignore[arg-type]
        with serving_app(app) as served, httpx2.Client(base_url=served.url, headers=JSON, timeout=20) as client:
            before = answer(client, path, schema)
            for seed in range(SEEDS):
                what, body, field = malformed(schema, Random(f"{schema.__name__} {seed}"))
                response = client.post(f"/{path}", content=body)
                outcomes[f"{what}: {response.status_code}"] += 1
                if fault := _fault(response, field):
                    wrong.append(f"seed {seed}, {what}: {fault}: {response.text[:300]} to {body[:200]!r}")
            assert answer(client, path, schema) == before
    print(f"\n{schema.__name__}: {dict(sorted(outcomes.items()))}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def answer(client: httpx2.Client, path: str, schema: type[Strict]) -> Any:
    """To a request that is right."""
    seed = {"seed": 1} if "seed" in schema.model_fields else {}
    response = client.post(f"/{path}", json={**right(schema, Random(1)), **seed})
    assert response.status_code == 200, response.text
    return {name: value for name, value in response.json().items() if name not in ("id", "created")}


def _fault(response: httpx2.Response, field: str) -> str:
    """What is wrong with an answer to a request with a wrong field, or nothing."""
    if not 400 <= response.status_code < 500:
        return "no 4xx"
    error = response.json()["error"]
    if set(error) != {"message", "type", "param", "code"}:
        return "another form"
    if not str(error["param"]).startswith(field):
        return f"names {error['param']!r}, not {field!r}"
    message = error["message"]
    return "" if message and message.isprintable() and len(message) < 700 else "unclear"
