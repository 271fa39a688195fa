from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from rsoup_lightning.front.chosen import Chosen
from rsoup_lightning.playing.front import Front
from rsoup_lightning.serving.app import create_gateway
from rsoup_lightning.serving.gate import Gate
from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.points import Points
from rsoup_lightning.serving.vllm.upstream import Offered, RemoteSoup, Upstream, root
from tests.serving.listening import serving_app, within
from tests.serving.parrot import soup
from tests.serving.vllm.stand_in_vllm import StandIn


@contextmanager
def gateway(stand_in: StandIn, log: list[Any] | None = None, **settings: Any) -> Iterator[httpx2.Client]:
    """A client of a gateway before a stand-in."""
    offered = Offered("tuned", ("kind", "brief"), 20, stand_in.keep)
    front: Front | None = soup(front=True).front
    points = Points("tuned", RemoteSoup(offered, front))
    limits = Limits(**settings)
    with serving_app(stand_in.app()) as vllm:
        upstream = Upstream(vllm.url, None, stand_in.keep)
        app = create_gateway(upstream, 20, points, limits, Gate(), ([] if log is None else log).append)
        with _client(app) as client:
            yield client


@contextmanager
def _client(app: FastAPI) -> Iterator[httpx2.Client]:
    with serving_app(app) as served, httpx2.Client(base_url=root(served.url), timeout=20) as client:
        yield client


def _events(response: httpx2.Response) -> list[Any]:
    *events, done, empty = response.text.split("\n\n")
    assert (done, empty) == ("data: [DONE]", "")
    return [json.loads(each.removeprefix("data:")) for each in events]


def test_coefficients_become_a_models_name() -> None:
    stand_in = StandIn()
    with gateway(stand_in) as client:
        body = {"model": "tuned", "prompt": "abc", "coefficients": {"kind": 0.3, "brief": 0.7}, "top_k": 3}
        answer = client.post("/v1/completions", json=body)
        assert stand_in.asked == [{"model": "tuned@0.3,0.7", "prompt": "abc", "top_k": 3}]
        assert answer.json()["choices"][0]["text"] == "cba"
        assert answer.json()["rsoup"] == {"coefficients": {"kind": 0.3, "brief": 0.7}}
        assert stand_in.headers["x-request-id"] == answer.headers["x-request-id"]


def test_a_name_is_rounded_as_vllm_rounds_it() -> None:
    stand_in = StandIn()
    with gateway(stand_in) as client:
        answer = client.post("/v1/completions", json={"model": "tuned@brief=0.69,kind=0.31", "prompt": "abc"})
        assert stand_in.asked[0]["model"] == "tuned@0.3,0.7"
        assert answer.json()["rsoup"] == {
            "coefficients": {"kind": 0.3, "brief": 0.7},
            "asked": {"kind": 0.31, "brief": 0.69},
        }


def test_a_preference_is_looked_up() -> None:
    stand_in = StandIn()
    with gateway(stand_in) as client:
        answer = client.post("/v1/completions", json={"preference": {"kind": 1}, "prompt": "abc"})
        assert stand_in.asked == [{"model": "tuned@1,0", "prompt": "abc"}]
        assert answer.json()["rsoup"]["preference"] == {"kind": 1.0, "brief": 0.0}
        assert "utility_ci95" in answer.json()["rsoup"]["expected"]


@pytest.mark.parametrize("usage", [False, True])
def test_a_stream_passes_and_its_last_event_says_what_was_played(usage: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if usage else {}
    with gateway(StandIn()) as client:
        body = {"model": "tuned@0.3,0.7", "prompt": "abcd", "stream": True, **options}
        answer = client.post("/v1/completions", json=body)
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = _events(answer)
        assert "".join(choice["text"] for event in events for choice in event["choices"]) == "dcba"
        assert [event.get("rsoup") for event in events[:-1]] == [None] * (len(events) - 1)
        assert events[-1]["rsoup"]["coefficients"] == {"kind": 0.3, "brief": 0.7}
        assert len(events) == 4 + usage and ("usage" in events[-1]) == usage


def test_events_do_not_wait_for_those_that_follow() -> None:
    stand_in = StandIn(pause=0.2)
    body = {"model": "tuned@1,0", "prompt": "abcd", "stream": True}
    with gateway(stand_in) as client, client.stream("POST", "/v1/completions", json=body) as answer:
        first = next(answer.iter_text())
        assert '"text":"d"' in first and "c" not in json.loads(first.removeprefix("data:"))["choices"][0]["text"]


def test_a_client_that_goes_away_ends_the_work_of_vllm() -> None:
    stand_in = StandIn(pause=0.05)
    body = {"model": "tuned@1,0", "prompt": "a" * 400, "stream": True}
    with gateway(stand_in) as client:
        with client.stream("POST", "/v1/completions", json=body) as answer:
            next(answer.iter_text())
        assert within(5, lambda: stand_in.left == 1)


def test_a_stream_that_breaks_off_says_so() -> None:
    log: list[str] = []
    with gateway(StandIn(), log) as client:
        answer = client.post("/v1/completions", json={"model": "tuned@1,0", "prompt": "!ab", "stream": True})
        *_, last, empty = answer.text.split("\n\n")
        assert empty == "" and json.loads(last.removeprefix("data:"))["error"]["code"] == "no_upstream"
    assert json.loads(log[-1])["status"] == 502


def test_errors_of_vllm_pass() -> None:
    log: list[str] = []
    with gateway(StandIn(), log) as client:
        answer = client.post("/v1/completions", json={"model": "tuned@1,0", "prompt": "wrong"})
        assert answer.status_code == 400 and answer.json() == {"error": {"message": "wrong", "code": 400}}
    assert "wrong" in json.loads(log[-1])["error"]


def test_a_vllm_that_wants_a_key_is_our_fault() -> None:
    with gateway(StandIn(key="secret")) as client:
        answer = client.post("/v1/completions", json={"model": "tuned@1,0", "prompt": "abc"})
        assert answer.status_code == 502 and "VLLM_API_KEY" in answer.json()["error"]["message"]


def test_a_vllm_that_is_gone() -> None:
    points = Points("tuned", RemoteSoup(Offered("tuned", ("kind", "brief"), 20, 2), None))
    app = create_gateway(Upstream("http://127.0.0.1:1", None, 2), 20, points, Limits(), Gate(), json.loads)
    with _client(app) as client:
        answer = client.post("/v1/completions", json={"model": "tuned@1,0", "prompt": "abc"})
        assert answer.status_code == 502 and "vLLM does not answer" in answer.json()["error"]["message"]
        assert client.get("/ready").status_code == client.get("/health").status_code == 503
        assert [model["id"] for model in client.get("/v1/models").json()["data"]] == [
            "tuned",
            "tuned@kind=1",
            "tuned@brief=1",
        ]


@pytest.mark.parametrize(
    ("fields", "status", "said", "param"),
    [
        ({}, 400, "no λ", "coefficients"),
        ({"coefficients": {"kind": 0.5}}, 400, "sum to 1", "coefficients"),
        ({"coefficients": [0.5, 0.5]}, 400, "dictionary", "coefficients"),
        ({"coefficient": {"kind": 1.0}}, 400, "did you mean 'coefficients'", "coefficient"),
        ({"Preference": {"kind": 1.0}}, 400, "did you mean 'preference'", "Preference"),
        ({"coefficients": {"kind": 1.0}, "preference": {"kind": 1}}, 400, "give one of them", "preference"),
        ({"model": "tuned@0.3,0.3"}, 400, "sum to 1", "model"),
        ({"model": "other"}, 404, "the model here is 'tuned'", "model"),
        ({"model": "tuned@1,0", "n": 0}, 400, "greater than or equal to 1", "n"),
    ],
)
def test_what_is_wrong_does_not_reach_vllm(fields: dict[str, Any], status: int, said: str, param: str) -> None:
    stand_in = StandIn()
    with gateway(stand_in) as client:
        answer = client.post("/v1/completions", json={"prompt": "abc", **fields})
        error = answer.json()["error"]
        assert (answer.status_code, error["param"]) == (status, param) and said in error["message"]
        assert stand_in.asked == []


def test_a_preference_that_leads_outside_the_experts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of a bone soup may."""
    monkeypatch.setattr(Chosen, "coefficients", {"kind": 1.5, "brief": -0.5})
    stand_in = StandIn()
    with gateway(stand_in) as client:
        answer = client.post("/v1/completions", json={"prompt": "abc", "preference": {"kind": 1.0}})
        assert answer.status_code == 400 and answer.json()["error"]["param"] == "preference"
        assert "outside the experts (kind 1.5, brief -0.5)" in answer.json()["error"]["message"]
        assert stand_in.asked == []


def test_the_limits_hold() -> None:
    with gateway(StandIn(pause=0.5), timeout=0.3, max_body=100) as client:
        slow = client.post("/v1/completions", json={"model": "tuned@1,0", "prompt": "abc"})
        assert slow.status_code == 504
        long = client.post("/v1/completions", json={"model": "tuned@1,0", "prompt": "a" * 100})
        assert long.status_code == 413


def test_rows_are_counted_by_what_is_played() -> None:
    with gateway(StandIn()) as client:
        client.post("/v1/completions", json={"model": "tuned@0.31,0.69", "prompt": "abc", "n": 2})
        assert 'rsoup_rows_total{coefficients="kind=0.3,brief=0.7"} 2.0' in client.get("/metrics").text
