"""Servers in a thread, at a free port of this machine."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from rsoup_lightning.serving.gate import Gate
from rsoup_lightning.serving.limits import Limits
from rsoup_lightning.serving.server import Server, bind, url
from tests.serving.parrot import Parrot, parrot_app


@dataclass
class Served:
    """A server that runs: where, and in which thread."""

    server: Server
    thread: threading.Thread
    address: tuple[str, int]

    @property
    def url(self) -> str:
        """Of the interface."""
        return f"http://{self.address[0]}:{self.address[1]}/v1"

    def post(self, body: bytes, *headers: str, length: int | None = None) -> socket.socket:
        """A connection on which a request was sent that says how long it is, to be read from or closed."""
        connection = socket.create_connection(self.address, timeout=10)
        lines = [
            "POST /v1/completions HTTP/1.1",
            f"host: localhost:{self.address[1]}",
            "content-type: application/json",
            *headers,
        ]
        if not any("chunked" in header for header in headers):
            lines.append(f"content-length: {length or len(body)}")
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return connection


@dataclass
class Listening(Served):
    """One around a parrot, and what it has written down so far."""

    parrot: Parrot
    log: list[dict[str, Any]]


@contextmanager
def serving_app(app: FastAPI, gate: Gate | None = None, patience: float = 5.0) -> Iterator[Served]:
    """A server of an application, which has ended after the block."""
    ready = threading.Event()
    with bind("127.0.0.1", 0) as bound:
        server = Server(app, gate or Gate(), patience, ready.set)
        thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
        address = bound.getsockname()
        assert url(bound) == f"http://127.0.0.1:{address[1]}/v1"
        thread.start()
        try:
            assert ready.wait(20)
            yield Served(server, thread, address)
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@contextmanager
def listening(
    parrot: Parrot | None = None,
    *,
    gate: Gate | None = None,
    limits: Limits | None = None,
    max_queue: int = 8,
    patience: float = 5.0,
) -> Iterator[Listening]:
    """A server around a parrot."""
    parrot, gate = Parrot() if parrot is None else parrot, gate or Gate()
    log: list[dict[str, Any]] = []
    app = parrot_app(
        parrot, gate=gate, limits=limits, max_queue=max_queue, log=lambda line: log.append(json.loads(line))
    )
    with app.state.engine, serving_app(app, gate, patience) as served:
        yield Listening(served.server, served.thread, served.address, parrot, log)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether something comes to hold in time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def received(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)
