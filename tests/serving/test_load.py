"""Many requests of mixed λ, length and modality at once, some of which hang up: all others are answered right.

A hundred and twenty by default; ``RSOUP_REQUESTS=2000 pytest -s tests/serving/test_load.py`` sends two thousand, and
prints what became of them and of the memory of the server.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx2
import numpy as np
import pytest

from tests.modalities.language.test_running import requests_of, written
from tests.modalities.vision_language import test_playing as describing
from tests.running import environment
from tests.serving.loaded import soups
from tests.serving.test_call_routes import uri

REQUESTS = int(os.environ.get("RSOUP_REQUESTS", "120"))
CLIENTS, KINDS, EARLY = 24, 40, 200


@dataclass(frozen=True)
class Case:
    """A request, and what is right."""

    kind: str
    path: str
    body: dict[str, Any]
    answer: Any


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[dict[str, str], int]]:
    """Where each soup is, and the process that serves them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.serving.loaded"],
        env=environment(OMP_NUM_THREADS="1"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield {kind: process.stdout.readline().strip() for kind in ("text", "control", "pictures")}, process.pid
    finally:
        process.communicate()


def cases() -> list[Case]:
    """Of all kinds; answers as the soups give them without a server, one request at a time."""
    made, chance = list[Case](), Random(0)
    soup = soups()
    for number, asked in enumerate(requests_of(KINDS)):
        point = dict(zip(("first", "second"), asked.coefficients, strict=True))
        fields = {"max_tokens": asked.max_new_tokens, "temperature": asked.temperature, "top_p": asked.top_p}
        body = {"prompt": list(asked.prompt), "coefficients": point, "seed": number, **fields}
        right = written(soup["text"].running(), [asked])[0]
        made += [Case("text", "completions", {**body, "stream": stream}, right) for stream in (False, True)]
    for _ in range(KINDS // 2):
        share = chance.random()
        point, seen = (
            {"first": share, "second": 1 - share},
            np.random.default_rng(int(share * 1e6)).normal(size=(3, 17)),
        )
        right = soup["control"].at(point).act(seen).tolist()
        made.append(Case("control", "act", {"observations": seen.tolist(), "coefficients": point}, right))
    for picture, question in zip(describing.PICTURES, describing.QUESTIONS, strict=True):
        share = chance.random()
        point = {"first": share, "second": 1 - share}
        parts = [{"type": "image_url", "image_url": {"url": uri(picture)}}, {"type": "text", "text": question}]
        body = {"messages": [{"role": "user", "content": parts}], "coefficients": point}
        right = soup["pictures"].at(point).describe([picture.convert("RGB")], [question])[0]
        made.append(Case("pictures", "chat/completions", body, right))
    return made


def said(case: Case, text: str) -> Any:
    """The answer in a response."""
    if case.kind == "control":
        return json.loads(text)["actions"]
    if case.kind == "pictures":
        return json.loads(text)["choices"][0]["message"]["content"]
    if not case.body["stream"]:
        return json.loads(text)["choices"][0]["text"]
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    return "".join(choice["text"] for event in events for choice in event["choices"])


def memory(process: int) -> int:
    """Kilobytes that a process holds."""
    with open(f"/proc/{process}/status", encoding="utf-8") as status:
        return int(next(line.split()[1] for line in status if line.startswith("VmRSS")))


async def sent(addresses: dict[str, str], asked: list[tuple[Case, bool]]) -> Counter[str]:
    """Ask for all of them, many at once; of those that hang up nothing is awaited."""
    ended, waiting = Counter[str](), iter(asked)
    async with httpx2.AsyncClient(timeout=120) as client:

        async def one_after_another() -> None:
            for case, hangs_up in waiting:
                address = f"{addresses[case.kind]}/{case.path}"
                if hangs_up:
                    with suppress(httpx2.TimeoutException):
                        await client.post(address, json=case.body, timeout=0.02)
                    ended["hung up"] += 1
                    continue
                answer = await client.post(address, json=case.body)
                right = answer.status_code == 200 and said(case, answer.text) == case.answer
                ended["right" if right else f"wrong: {case.kind} {answer.status_code} {answer.text:.200}"] += 1

        await asyncio.gather(*(one_after_another() for _ in range(CLIENTS)))
    return ended


def state(address: str) -> dict[str, float]:
    """The numbers of /metrics."""
    lines = httpx2.get(address.replace("/v1", "/metrics")).text.splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}


def test_all_that_wait_are_answered_right_in_bounded_memory(server: tuple[dict[str, str], int]) -> None:
    addresses, process = server
    chance, known = Random(1), cases()
    asked = [(chance.choice(known), number % 10 == 9) for number in range(REQUESTS)]
    ended = asyncio.run(sent(addresses, asked[:EARLY]))
    early = memory(process)
    ended += asyncio.run(sent(addresses, asked[EARLY:]))
    late = memory(process)
    print(f"\n{dict(ended)}; memory {early / 1024:.0f} MiB after {EARLY}, {late / 1024:.0f} MiB after {REQUESTS}")
    assert ended == {"right": REQUESTS - REQUESTS // 10, "hung up": REQUESTS // 10}
    for address in addresses.values():
        assert state(address)["rsoup_batch_rows"] == state(address)["rsoup_queue_rows"] == 0
    assert REQUESTS <= EARLY or late < 1.05 * early
