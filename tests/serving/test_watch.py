from __future__ import annotations

import json
import logging
from datetime import datetime

from starlette.testclient import TestClient

from rsoup_lightning.serving.watch import structured
from tests.serving.parrot import asking, parrot_app


def test_what_others_log_is_of_the_same_form() -> None:
    lines: list[str] = []
    logger = logging.getLogger("uvicorn.error")
    with structured(lines.append):
        try:
            raise ValueError("no such\nthing")
        except ValueError:
            logger.warning("that %s", "failed", exc_info=True)
    logger.warning("not here")
    (line,) = map(json.loads, lines)
    assert (line["level"], line["message"]) == ("warning", "that failed") and "no such\nthing" in line["traceback"]


def test_a_line_for_each_request() -> None:
    lines: list[str] = []
    client = TestClient(parrot_app(log=lines.append))
    sent = asking(user="me\n", safety_identifier="s", coefficients={"kind": 0.25, "brief": 0.75}, seed=3, model="tuned")
    answer = client.post("/v1/chat/completions", json=sent)
    client.get("/nowhere%0A")
    first, second = map(json.loads, lines)
    assert all("\n" not in line for line in lines)
    assert datetime.fromisoformat(first.pop("time")).tzinfo
    assert first.pop("seconds") >= first.pop("first_token") > 0
    assert first == {
        "client": "testclient",
        "id": answer.headers["x-request-id"],
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
        "coefficients": {"kind": 0.25, "brief": 0.75},
        "rows": 1,
        "prompt_tokens": 5,
        "completion_tokens": 6,
        "seed": 3,
        "model": "tuned",
        "stream": False,
        "user": "me\n",
        "safety_identifier": "s",
    }
    assert answer.json()["id"].endswith(first["id"]) and "hello" not in lines[0]
    assert second["status"] == 404 and "unknown path" in second["error"]
