from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.serving.parrot import parrot_app


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/v1/completion", 404, "did you mean '/v1/completions'"),
        ("POST", "/", 404, "unknown path '/'"),
        ("GET", "/docs", 404, "unknown path"),
        ("GET", "/v1/completions", 405, "/v1/completions does not take GET"),
        ("DELETE", "/v1/models", 405, "/v1/models does not take DELETE"),
    ],
)
def test_ways_that_lead_nowhere(method: str, path: str, status: int, reason: str) -> None:
    answer = TestClient(parrot_app()).request(method, path)
    assert answer.status_code == status and reason in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == "path"
    assert "{" not in answer.json()["error"]["message"], "what is offered can be asked as it stands"
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "text/plain", "application/jsonl"])
def test_other_bodies_than_json(kind: str | None) -> None:
    """Which a page of another origin could send without asking."""
    headers = {"content-type": kind} if kind else {}
    answer = TestClient(parrot_app()).post("/v1/completions", content=b'{"prompt": "a"}', headers=headers)
    assert answer.status_code == 415 and answer.json()["error"]["param"] == "content-type"


def test_json_of_a_charset() -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert TestClient(parrot_app()).post("/v1/completions", content=b'{"prompt": "a"}', headers=headers).is_success
