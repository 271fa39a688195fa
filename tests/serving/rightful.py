"""Requests with nothing wrong, of all modalities, for two experts called first and second."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from PIL import Image

from rsoup_lightning.serving.call_schemas import ActRequest, DescribeRequest, DrawRequest
from rsoup_lightning.serving.schemas import ChatRequest, CompletionRequest, Strict
from tests.serving.test_call_routes import uri

LIMIT = 100_000
"""Bytes of a body."""
PLACE = "a place for what JSON cannot say"
SEEN = [[0.5] * 17, [-1.0] * 17]
PICTURE = uri(Image.new("RGB", (8, 8), "red"))


def right(schema: type[Strict], chance: Random) -> dict[str, Any]:
    """A request with nothing wrong."""
    share, limit, said = chance.random(), chance.randint(1, 4), chance.choice(["the cat", "a dog sat", "ä 😀"])
    picture = [{"type": "image_url", "image_url": {"url": PICTURE}}, {"type": "text", "text": said}]
    asked: dict[type[Strict], dict[str, Any]] = {
        CompletionRequest: {"prompt": said, "max_tokens": limit},
        ChatRequest: {"messages": [{"role": "user", "content": said}], "max_tokens": limit},
        ActRequest: {"observations": SEEN},
        DrawRequest: {"prompt": said},
        DescribeRequest: {"messages": [{"role": "user", "content": picture}]},
    }
    some = {"temperature": 0.5, "top_p": 0.9, "seed": 3, "stop": ["x"], "n": 2, "user": "me", "stream": False}
    more = {name: some[name] for name in some if name in schema.model_fields and chance.random() < 0.3}
    return {"coefficients": {"first": share, "second": 1 - share}, **asked[schema], **more}


def main_field(schema: type[Strict]) -> str:
    """The field that it cannot do without."""
    (name,) = [name for name, field in schema.model_fields.items() if field.is_required()]
    return name


def sent(body: dict[str, Any], raw: str = "") -> bytes:
    """As JSON; ``raw`` stands where :data:`PLACE` does."""
    return json.dumps(body, ensure_ascii=False).replace(json.dumps(PLACE), raw).encode()
