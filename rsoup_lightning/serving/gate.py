"""Who comes in: requests with the key, or to a known host, until the server is full or is to stop."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from rsoup_lightning.errors import ConfigError, check_at_least_one
from rsoup_lightning.serving.errors import RequestError, refusal, unavailable
from rsoup_lightning.serving.hosts import is_known, is_loopback

KEY = "RSOUP_API_KEY"
"""The environment variable that a key may come from, as other users of a machine see command lines."""
OPEN = ("/health", "/ready")
"""Paths for which nobody needs a key, or a server that goes on."""


def key_of(host: str, api_key: str | None, no_auth: bool, environment: Mapping[str, str]) -> str | None:
    """The key that requests must have, or None where they need none.

    Args:
        host: where the server is to listen.
        api_key: as given on the command line.
        no_auth: whether to do without one.
        environment: where else one may be.

    Raises:
        ConfigError: other machines can reach the host, and there is neither a key nor ``no_auth``; or there are both.
    """
    source, key = ("--api_key", api_key) if api_key is not None else (KEY, environment.get(KEY))
    if key is not None and no_auth:
        raise ConfigError(f"--no_auth and {source} contradict each other: leave one out")
    if key is not None and (not key or not key.isascii() or not key.isprintable() or " " in key):
        raise ConfigError(f"{source} must be letters, digits and signs of ASCII, without spaces")
    if key is None and not no_auth and not is_loopback(host):
        raise ConfigError(f"other machines can reach {host}: set {KEY} or --api_key, or say --no_auth")
    return key


class Gate:
    """Lets requests in, and counts them.

    Args:
        key: that they must have; None: none.
        hosts: names that they may be sent to, beside addresses: a web page whose own name leads here would say that
            one. None: any.
        max_connections: while there are more, all requests are turned away.

    Attributes:
        closed: whether those that come are turned away.
        inside: how many are being answered.
        connections: those that are open, as the server that it belongs to knows them.

    Raises:
        ConfigError: ``max_connections`` is below 1.
    """

    def __init__(
        self,
        key: str | None = None,
        hosts: Collection[str] | None = None,
        max_connections: int = 512,
    ) -> None:
        check_at_least_one(max_connections=max_connections)
        self.closed, self.inside = False, 0
        self.connections: Collection[Any] = ()
        self._hosts, self._max_connections = hosts, max_connections
        self._key = None if key is None else f"Bearer {key}".encode()

    def check(self, headers: Headers) -> None:
        """Require that a request may come in.

        Raises:
            RequestError: 503, 403 or 401.
        """
        if self.closed:
            raise unavailable("the server is stopping: ask another, or later")
        if len(self.connections) > self._max_connections:
            told = f"more than {self._max_connections} connections are open: try again later"
            raise unavailable(told, "too_many_connections")
        host = headers.get("host", "localhost")
        if self._hosts is not None and not is_known(host, self._hosts):
            told = f"this server is not known as {host!r:.80}: give its address, or start it with --allowed_hosts"
            raise RequestError(told, "host", status=403, code="unknown_host")
        given = headers.get("authorization", "").encode()
        if self._key is not None and not hmac.compare_digest(given, self._key):
            said = "a wrong API key" if given else "no API key"
            challenge = {"www-authenticate": "Bearer"}
            raise RequestError(
                f"{said}: send it as Authorization: Bearer KEY",
                "authorization",
                status=401,
                code="invalid_api_key",
                headers=challenge,
            )


def guard(app: ASGIApp, gate: Gate) -> ASGIApp:
    """``app``, behind a gate."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN:
            return await app(scope, receive, send)
        try:
            gate.check(Headers(scope=scope))
        except RequestError as error:
            scope["state"]["note"].failed(error)
            return await refusal(error)(scope, receive, send)
        gate.inside += 1
        try:
            await app(scope, receive, send)
        finally:
            gate.inside -= 1

    return guarded
