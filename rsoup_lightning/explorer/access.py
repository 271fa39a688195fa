"""Who may see the page: whoever is on this machine, or whoever has the token."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.serving.hosts import is_known, is_loopback

COOKIE = "rsoup_token"


def check_access(host: str, token: str | None, no_auth: bool) -> None:
    """Require a token, or the word that none is wanted, of a page that other machines can reach.

    Raises:
        ConfigError: neither was given, or both, or a token that no cookie holds.
    """
    if token is not None and no_auth:
        raise ConfigError("--token and --no_auth exclude each other: give one of them")
    if token is not None and not token.strip():
        raise ConfigError("--token is empty: give one that nobody guesses")
    if token is not None and not (token.isascii() and token.isprintable()):
        raise ConfigError("--token must be letters, digits and signs of ASCII")
    if not is_loopback(host) and token is None and not no_auth:
        raise ConfigError(
            f"--host {host} lets other machines in: give a --token, which then stands in the address, or --no_auth"
        )


class HostGate:
    """Lets in who asks for a known host: without a token, a page of elsewhere could lead its own name here.

    Args:
        app: what is behind it.
        hosts: names beside addresses.
    """

    def __init__(self, app: Any, hosts: Collection[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        known = scope["type"] == "lifespan" or is_known(Headers(scope=scope).get("host", "localhost"), self._hosts)
        if known:
            await self._app(scope, receive, send)
        else:
            told = "This page is not known by that name: open its address, or start it with --allowed_hosts.\n"
            await _refuse(scope, receive, send, PlainTextResponse(told, 403))


class TokenGate:
    """Lets in who has the token: in the address the first time, in a cookie from then on.

    Args:
        app: what is behind it.
        token: the one.
    """

    def __init__(self, app: Any, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        given = connection.query_params.get("token")
        if given is not None and self._is_right(given) and scope["type"] == "http":
            response = RedirectResponse(_without_token(connection))
            response.set_cookie(COOKIE, self._token, httponly=True, samesite="lax")
            await response(scope, receive, send)
        elif self._is_right(connection.cookies.get(COOKIE, "")):
            await self._app(scope, receive, send)
        else:
            told = "This page needs its token: open the address that rsoup explore printed.\n"
            await _refuse(scope, receive, send, PlainTextResponse(told, 401))

    def _is_right(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


async def _refuse(scope: Any, receive: Any, send: Any, refusal: PlainTextResponse) -> None:
    """Say why, where there is a way to: a socket is only closed."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await refusal(scope, receive, send)


def _without_token(connection: HTTPConnection) -> str:
    """The address without its token, which would stay in the browser's history."""
    rest = QueryParams([(name, value) for name, value in connection.query_params.multi_items() if name != "token"])
    prefix = connection.headers.get("X-Forwarded-Prefix", "")
    return f"{prefix}{connection.url.path}" + (f"?{rest}" if rest else "")
