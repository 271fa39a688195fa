"""Requests for text to an application in this process, whose batch reads prompts backwards."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.points import Points
from tests.serving.parrot import Parrot, asking, parrot_app, soup


def ask(body: dict[str, Any], parrot: Parrot | None = None, path: str = "completions", **settings: Any) -> Any:
    client = TestClient(parrot_app(parrot, **settings))
    return client.post(f"/v1/{path}", json=body)


def test_what_is_asked_reaches_the_engine() -> None:
    parrot = Parrot()
    fields = {"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "seed": 2**32 - 1, "stop": "x", "logprobs": 2, "n": 2}
    body = ask(
        {"prompt": [[97, 98], [100, 99]], "coefficients": {"kind": 0.25, "brief": 0.75}, **fields}, parrot
    ).json()
    assert [choice["text"] for choice in body["choices"]] == ["ba", "ba", "cd", "cd"]
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
    assert body["usage"] == {"prompt_tokens": 4, "completion_tokens": 12, "total_tokens": 16}
    assert body["rsoup"] == {"coefficients": {"kind": 0.25, "brief": 0.75}, "seed": 2**32 - 1}
    first, *_ = parrot.asked
    assert (first.coefficients, first.max_new_tokens, first.temperature) == ((0.25, 0.75), 9, 0.5)
    assert (first.top_p, first.stop, first.top_logprobs) == (0.9, ["x"], 2)
    assert [request.seed for request in parrot.asked] == [2**32 - 1, 0] * 2  # choice k is that of seed + k alone


def test_what_is_not_said_is_as_the_experts_were_trained() -> None:
    parrot = Parrot()
    seeds = {ask(asking(), parrot, "chat/completions").json()["rsoup"]["seed"] for _ in range(3)}
    assert len(seeds) == 3 and seeds == {request.seed for request in parrot.asked}
    request = parrot.asked[0]
    assert (request.temperature, request.max_new_tokens, request.top_logprobs) == (1.0, 16, None)
    assert request.coefficients == (1.0, 0.0)


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_chat_is_cut_at_either_limit(field: str) -> None:
    body = ask(asking(**{field: 3}, logprobs=True), path="chat/completions").json()
    (choice,) = body["choices"]
    assert choice["message"]["content"] == "oll" and choice["finish_reason"] == "length"
    assert [score["token"] for score in choice["logprobs"]["content"]] == ["o", "l", "l"]


def test_a_stream_is_the_same_answer_in_pieces() -> None:
    answer = ask(asking(stream=True, stream_options={"include_usage": True}), path="chat/completions")
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, done, rest = answer.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == "olleh"
    assert chunks[-1]["usage"]["completion_tokens"] == 6
    assert chunks[-1]["rsoup"]["coefficients"] == {"kind": 1.0, "brief": 0.0}


def test_a_preference_is_answered_with_what_the_front_expects() -> None:
    points = Points("tuned", soup(front=True))
    body = ask(asking(preference={"kind": 0.63, "brief": 0.37}), path="chat/completions", points=points).json()
    assert body["rsoup"]["coefficients"] == pytest.approx({"kind": 0.63, "brief": 0.37}, abs=1e-3)
    assert body["rsoup"]["expected"]["reason"].startswith("λ = kind 0.63, brief 0.37: utility 0.7")


@pytest.mark.parametrize(
    ("body", "param", "reason"),
    [
        ({"prompt": ""}, "prompt", "empty"),
        ({"prompt": ["a", ""]}, "prompt[1]", "empty"),
        ({"prompt": "a" * 40}, "prompt", "reads 40"),
        ({"prompt": ["a", "a" * 40]}, "prompt[1]", "reads 40"),
        ({"prompt": "a" * 30, "max_tokens": 11}, "max_tokens", "41 tokens"),
        ({"prompt": "a" * 31}, "prompt", "31 tokens: 30 at most"),
        ({"prompt": "a", "n": 17}, "n", "16 at most"),
        ({"prompt": ["a"] * 17}, "prompt", "16 at most"),
        ({"prompt": "a", "model": "other"}, "model", "the model here is"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_what_is_too_much(body: dict[str, Any], param: str, reason: str, stream: bool) -> None:
    parrot, limits = Parrot(), Limits(max_prompt_tokens=30)
    if reason == "reads 40":
        limits = Limits()
    answer = ask({**body, "stream": stream}, parrot, limits=limits)
    assert answer.status_code in (400, 404) and not parrot.asked
    error = answer.json()["error"]
    assert error["param"] == param and reason in error["message"]


def test_an_engine_that_fails() -> None:
    """An error where nothing was sent yet, and an event in the stream where something was."""
    lines: list[str] = []
    for stream, fails_at, status in ((False, 2, 500), (True, 0, 500), (True, 2, 200)):
        answer = ask({"prompt": "hello", "stream": stream}, Parrot(fails_at=fails_at), log=lines.append)
        assert answer.status_code == status
        *_, last = answer.text.strip().split("\n\n")
        error = json.loads(last.removeprefix("data: "))["error"]
        assert error["type"] == "server_error" and "RuntimeError" in error["message"]
        line = json.loads(lines[-1])
        assert line["status"] == 500 and "out of memory" in line["traceback"]
        assert "out of memory" not in answer.text  # which is for the log
