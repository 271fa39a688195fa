"""A server on a real port: clients that leave, limits of time and size, and its end."""

from __future__ import annotations

import json
import socket
import threading

import httpx2
import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.points import Points
from rsoup_lightning.serving.server import bind, url
from rsoup_lightning.serving.text_engine import TextEngine
from tests.modalities.language.test_playing import soup
from tests.serving.listening import listening, received, serving_app, within
from tests.serving.parrot import Parrot, app_of

LONG = json.dumps({"prompt": "a long answer", "max_tokens": 14}).encode()
STREAMED = json.dumps({"prompt": "a long answer", "max_tokens": 14, "stream": True}).encode()


def test_an_address_that_is_taken_or_none() -> None:
    taken = bind("127.0.0.1", 0)
    taken.listen()
    with taken, pytest.raises(ConfigError, match=r"cannot listen at 127\.0\.0\.1, port .* in use"):
        bind("127.0.0.1", taken.getsockname()[1])
    for host, port, reason in (
        ("no.such.host.invalid", 0, "listen"),
        ("127.0.0.1", 70000, "port 70000"),
        ("", -1, "-1"),
    ):
        with pytest.raises(ConfigError, match=reason):
            bind(host, port)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_address_of_ipv6() -> None:
    try:
        with bind("::1", 0) as bound:
            assert url(bound) == f"http://[::1]:{bound.getsockname()[1]}/v1"
    except ConfigError:
        pytest.skip("no IPv6 here")


@pytest.mark.parametrize("body", [LONG, STREAMED])
def test_a_client_that_hangs_up(body: bytes) -> None:
    """Its rows leave the engine, and the log says so."""
    with listening(Parrot(pause=0.1)) as served:
        connection = served.post(body)
        assert within(5, lambda: served.parrot.steps > 2)
        connection.close()
        assert within(5, lambda: not served.parrot.running)
        assert served.parrot.left == 1 and served.parrot.steps < 12
        assert within(5, lambda: bool(served.log))
        assert served.log[0]["status"] == 499
        assert httpx2.post(f"{served.url}/completions", json={"prompt": "ab"}).json()["choices"][0]["text"] == "ba"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("steps", [3, 12], ids=["its prompt is read", "its answer is written"])
def test_rows_of_a_client_that_hangs_up_are_gone_within_two_steps(steps: int, stream: bool) -> None:
    """The server hears of it while the engine is amid a step, which takes as long as it takes."""
    asked = {"prompt": "a" * 40, "coefficients": {"first": 1}, "max_tokens": 20, "temperature": 0, "stream": stream}
    made, turns, log = soup(), threading.Semaphore(0), list[str]()
    with TextEngine(made, slice_tokens=4) as engine:
        step = engine._batch.step
        engine._batch.step = lambda: step() if turns.acquire() else []  # type: ignore[method-assign]
        try:
            with serving_app(app_of(engine, points=Points("tuned", made), log=log.append)) as served:
                with served.post(json.dumps(asked).encode()):
                    turns.release(steps)
                    assert within(5, lambda: engine.state().steps == steps)
                    assert engine.state().running == 1 and (engine.state().pieces > 0) == (steps > 10)
                assert within(5, lambda: bool(log)) and json.loads(log[0])["status"] == 499
                turns.release(2)
                assert within(5, lambda: engine.state().running == 0) and len(engine._batch) == 0
                assert engine.state().steps <= steps + 2
        finally:
            turns.release(100)


def test_a_client_that_leaves_amid_its_request() -> None:
    with listening() as served:
        connection = served.post(b'{"prompt"', length=100)
        connection.close()
        assert within(5, lambda: bool(served.log))
        assert served.log[0]["status"] == 499 and not served.parrot.asked


def test_a_body_that_never_ends() -> None:
    """The connection is closed, too, however much else comes."""
    with listening(limits=Limits(timeout=0.3)) as served, served.post(b'{"prompt"', length=100) as connection:
        answer = received(connection)
        assert b" 408 " in answer and b'"param":"body"' in answer
        assert within(2, lambda: not served.server.server_state.connections)


def test_the_limit_of_time() -> None:
    with listening(Parrot(pause=0.1), limits=Limits(timeout=0.7)) as served:
        answer = httpx2.post(f"{served.url}/completions", content=LONG, headers={"content-type": "application/json"})
        assert answer.status_code == 504
        assert answer.json()["error"]["message"] == "the answer took more than 0.7 seconds"
        assert within(5, lambda: not served.parrot.running)
        sent = httpx2.post(f"{served.url}/completions", json={**json.loads(STREAMED)}).text
        *pieces, last = [json.loads(line[6:]) for line in sent.splitlines() if line]
        assert len(pieces) >= 2 and last["error"]["code"] == "timeout" and "[DONE]" not in sent
        assert within(5, lambda: not served.parrot.running) and served.parrot.left == 2


@pytest.mark.parametrize("headers", [[], ["transfer-encoding: chunked"]])
def test_the_limit_of_size(headers: list[str]) -> None:
    """Whether a body says how long it is or comes in chunks; the connection is closed, as the rest is not read."""
    body = b'{"prompt": "' + b"a" * 3000 + b'"}'
    sent = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n" if headers else body
    with (
        listening(limits=Limits(max_body=1000)) as served,
        served.post(sent, *headers) as connection,
    ):
        answer = received(connection)
        assert b" 413 " in answer and b'"param":"body"' in answer


def test_a_full_queue() -> None:
    with listening(Parrot(pause=0.3, rows=1), max_queue=1) as served, served.post(LONG):
        assert within(5, lambda: len(served.parrot.running) == 1)
        waiting = served.post(LONG)
        refused = httpx2.post(f"{served.url}/completions", json={"prompt": "x"})
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["code"] == "queue_full"
        waiting.close()


def test_all_or_nothing_of_a_request_for_several() -> None:
    """Rows that had room leave again where others of the same request have none."""
    with listening(Parrot(pause=0.05), max_queue=2) as served:
        refused = httpx2.post(f"{served.url}/completions", json={"prompt": "a long answer", "n": 3})
        assert refused.status_code == 429
        assert within(5, lambda: not served.parrot.running) and not served.parrot.steps > 3


def test_a_graceful_end() -> None:
    """What runs is finished, what comes meanwhile is turned away, also on a connection that is open already."""
    with listening(Parrot(pause=0.15)) as served, httpx2.Client(base_url=served.url) as client:
        assert client.get("/models").status_code == 200
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(
                httpx2.post(f"{served.url}/completions", content=STREAMED, headers={"content-type": "application/json"})
            )
        )
        asking.start()
        assert within(5, lambda: len(served.parrot.running) == 1)
        served.server.handle_exit(15, None)
        refused = client.post("/completions", json={"prompt": "x"})
        assert refused.status_code == 503 and refused.headers["retry-after"]
        assert refused.json()["error"]["type"] == "server_error"
        assert client.get(f"http://127.0.0.1:{served.address[1]}/ready").status_code == 503
        assert client.get(f"http://127.0.0.1:{served.address[1]}/health").status_code == 200
        asking.join()
        assert answers[0].text.endswith("data: [DONE]\n\n") and served.parrot.left == 0
        served.thread.join(5)
        assert not served.thread.is_alive()


@pytest.mark.parametrize("again", [True, False])
def test_an_end_without_patience(again: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A second signal, or time, breaks off what runs."""
    with listening(Parrot(pause=0.5), patience=60 if again else 0.2) as served, served.post(STREAMED) as connection:
        assert within(5, lambda: len(served.parrot.running) == 1)
        for _ in range(1 + again):
            served.server.handle_exit(2, None)
        served.thread.join(4)
        assert not served.thread.is_alive()
        assert b"[DONE]" not in received(connection)
        assert within(5, lambda: bool(served.log))
        assert served.log[0]["status"] == 503 and "the server ended" in served.log[0]["error"]
        assert not [record for record in caplog.records if record.name == "uvicorn.error"], "its line has said it"
        assert within(5, lambda: not served.parrot.running)
