"""Seeded damage to the bodies of requests: each is refused by a 4xx that names the field, and the server lives.

A few dozen by default; ``RSOUP_MALFORMED=300 pytest -s tests/serving/test_malformed.py`` sends three hundred to each
interface and prints what became of them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import httpx2
import pytest

from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.points import Points
from rsoup_lightning.serving.text_engine import TextEngine
from tests.modalities.language.test_playing import soup
from tests.serving.listening import serving_app
from tests.serving.malformed import LIMIT, SCHEMAS, malformed, right
from tests.serving.parrot import app_of

SEEDS = int(os.environ.get("RSOUP_MALFORMED", "60"))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server of two experts of a tiny model."""
    experts = soup()
    with TextEngine(experts) as engine:
        app = app_of(engine, points=Points("tuned", experts), limits=Limits(max_body=LIMIT))
        with serving_app(app) as served:
            yield served.url


@pytest.mark.parametrize("path", SCHEMAS)
def test_malformed_bodies(path: str, address: str) -> None:
    outcomes, wrong = Counter[str](), []
    with httpx2.Client(base_url=address, headers={"content-type": "application/json"}, timeout=20) as client:
        before = answer(client, path)
        for seed in range(SEEDS):
            what, body, field = malformed(path, Random(f"{path} {seed}"))
            response = client.post(f"/{path}", content=body)
            fault = _fault(response, field)
            outcomes[f"{what}: {response.status_code}"] += 1
            if fault:
                wrong.append(f"seed {seed}, {what}: {fault}: {response.text[:300]} to {body[:200]!r}")
        assert answer(client, path) == before
    print(f"\n{path}: {dict(sorted(outcomes.items()))}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def answer(client: httpx2.Client, path: str) -> Any:
    """To a request that is right."""
    response = client.post(f"/{path}", json={**right(path, Random(1)), "seed": 1, "n": 1})
    assert response.status_code == 200, response.text
    return response.json()["choices"]


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
