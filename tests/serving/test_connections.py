"""Connections that are too many, or over which nothing moves."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress

import httpx2
import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.serving import connections
from rsoup_lightning.serving.gate import Gate
from tests.serving.listening import listening, received, within
from tests.serving.parrot import Parrot


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALLED", 0.3)


@pytest.mark.parametrize(
    "begun", [b"", b"POST /v1/completions HTTP/1.1\r\nhost: loc", b"GET /health HTTP/1.1\r\n\r\nGE"]
)
def test_a_head_that_never_ends(begun: bytes, hasty: None) -> None:
    """Also after a request that was whole."""
    with listening() as served, socket.create_connection(served.address, timeout=10) as connection:
        connection.sendall(begun)
        with suppress(ConnectionResetError):
            received(connection)
        assert within(5, lambda: not served.server.server_state.connections)


@pytest.mark.parametrize("more", [b"", b"x"])
def test_a_body_that_never_comes_after_a_refusal(more: bytes, hasty: None) -> None:
    """Nobody waits for it, so nobody's deadline ends it."""
    with listening(gate=Gate("s3cret")) as served, served.post(b"{", length=100_000) as connection:
        assert b" 401 " in connection.recv(4096)
        connection.sendall(more)
        assert within(5, lambda: not served.server.server_state.connections)


def test_an_answer_that_takes_long_is_waited_for(hasty: None) -> None:
    with listening(Parrot(pause=0.4)) as served:
        answer = httpx2.post(f"{served.url}/completions", json={"prompt": "abcd"}, timeout=20)
        assert answer.json()["choices"][0]["text"] == "dcba"


def test_a_client_that_reads_nothing(hasty: None) -> None:
    """Its connection goes, whatever is on its way to it yet."""
    with listening() as served, socket.create_connection(served.address, timeout=10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asked = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n" * 2000
        connection.setblocking(False)
        connection.send(asked)
        assert within(5, lambda: bool(served.log))
        assert within(10, lambda: not served.server.server_state.connections)


def test_more_connections_than_may_be() -> None:
    gate = Gate(max_connections=3)
    with ExitStack() as stack:
        served = stack.enter_context(listening(gate=gate))
        idle = [stack.enter_context(socket.create_connection(served.address)) for _ in range(3)]
        assert within(5, lambda: len(served.server.server_state.connections) == 3)
        with httpx2.Client(base_url=served.url) as client:
            refused = client.get("/models")
            assert (refused.status_code, refused.headers["connection"]) == (503, "close")
            assert refused.headers["retry-after"] and refused.json()["error"]["code"] == "too_many_connections"
            assert client.get(served.url.replace("v1", "health")).status_code == 200
            idle[0].close()
            assert within(5, lambda: client.get("/models").status_code == 200)
    with pytest.raises(ConfigError, match="max_connections is 0: it must be at least 1"):
        Gate(max_connections=0)
