"""A vLLM with our plug-in, seen from a gateway: what it serves, requests to it, and adapters that it may forget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2

from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.playing.run_front import RunFront
from rsoup_lightning.serving.errors import RequestError
from rsoup_lightning.serving.model_names import AT
from rsoup_lightning.serving.vllm.plugin import SOUPS_PATH

CONNECTING = 10.0
"""Seconds for a connection to vLLM; for an answer, requests have limits of their own."""
END = b"\n\n"
"""Of a server-sent event."""
CURE = "start it with VLLM_PLUGINS=rsoup and RSOUP_SOUPS set"


@dataclass(frozen=True)
class Offered:
    """What a vLLM plays.

    Attributes:
        name: of the soup.
        experts: of the soup, in the order of λ.
        lattice: steps of λ along an edge of the simplex.
        keep: how many adapters it is to hold.
        known: models of the soup that it has loaded already, as an earlier gateway has asked for.
    """

    name: str
    experts: tuple[str, ...]
    lattice: int
    keep: int
    known: tuple[str, ...] = ()


def offered(url: str, key: str | None, soup: str | None) -> Offered:
    """Ask vLLM what it plays.

    Args:
        url: of the server, with or without ``/v1``.
        key: that it wants, if any.
        soup: the name of one of its soups; None: its only one.

    Raises:
        ConfigError: it does not answer, or has no soups, or several.
        UnknownNameError: it has no such soup.
    """
    told = _told(url, SOUPS_PATH, key)
    soups = told.get("soups")
    if not soups:
        raise ConfigError(f"the vLLM at {url} has no soups: {CURE}")
    if soup is None and len(soups) > 1:
        raise ConfigError(f"the vLLM at {url} has several soups: choose one with --name: {', '.join(sorted(soups))}")
    name = soup or next(iter(soups))
    if name not in soups:
        raise UnknownNameError(f"soup of the vLLM at {url}", name, soups)
    models = [model["id"] for model in _told(url, "/v1/models", key).get("data", ())]
    known = tuple(model for model in models if model.startswith(f"{name}{AT}"))
    return Offered(name, tuple(soups[name]), told["lattice"], told["keep"], known)


def _told(url: str, path: str, key: str | None) -> dict[str, Any]:
    """What vLLM says at a path; nothing where that is not there.

    Raises:
        ConfigError: it does not answer, or wants another key.
    """
    try:
        answer = httpx2.get(root(url) + path, headers=_headers(key), timeout=CONNECTING)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise ConfigError(f"no vLLM answers at {url} ({error}): start it first") from None
    if answer.status_code == 401:
        raise ConfigError(f"the vLLM at {url} wants a key: set VLLM_API_KEY as it is there")
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if answer.is_success and isinstance(told, dict) else {}


class RemoteSoup:
    """A soup that vLLM plays, as much as λ needs of it.

    Args:
        offered: what vLLM says of it.
        front: of the run it comes from.

    Raises:
        ConfigError: the run has other experts.
    """

    def __init__(self, offered: Offered, front: RunFront | None) -> None:
        if front is not None and tuple(front.experts) != offered.experts:
            here, there = ", ".join(front.experts), ", ".join(offered.experts)
            raise ConfigError(f"the experts of {front.run} are {here}, those of vLLM's {offered.name!r} {there}")
        self.offered, self.front = offered, front
        self.experts, self.rewards = offered.experts, tuple(front.rewards) if front else ()


def root(url: str) -> str:
    """An address as users write it, without the ``/v1`` of OpenAI's clients.

    >>> root("http://127.0.0.1:8000/v1/")
    'http://127.0.0.1:8000'
    """
    return url.rstrip("/").removesuffix("/v1")


def _headers(key: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


class Upstream:
    """Requests to vLLM, which is made to forget the adapters that were not asked for the longest.

    Args:
        url: as of :func:`offered`.
        key: likewise.
        keep: models' names that it may know at a time; those of running requests are not forgotten.
        known: those that it knows now.
    """

    def __init__(self, url: str, key: str | None, keep: int, known: Iterable[str] = ()) -> None:
        self._client = httpx2.AsyncClient(
            base_url=root(url),
            headers=_headers(key),
            timeout=httpx2.Timeout(None, connect=CONNECTING),
            limits=httpx2.Limits(max_connections=None),
        )
        self._keep = keep
        self._running = dict.fromkeys(known, 0)  # by model's name, the one asked for last at the end
        self._entering = asyncio.Lock()

    @property
    def running(self) -> int:
        """Requests that are being answered."""
        return sum(self._running.values())

    async def is_alive(self) -> bool:
        """Whether it answers."""
        try:
            return (await self._client.get("/health", timeout=CONNECTING)).is_success
        except httpx2.HTTPError:
            return False

    async def ask(self, path: str, body: Mapping[str, Any], identifier: str) -> Reply:
        """Send a request; its reply must be closed.

        Args:
            path: of the route.
            body: of the request.
            identifier: for vLLM's log.

        Raises:
            RequestError: 502, vLLM does not answer.
        """
        model = body["model"]
        await self._enter(model)
        try:
            request = self._client.build_request("POST", path, json=body, headers={"x-request-id": identifier})
            with reaching():
                response = await self._client.send(request, stream=True)
        except BaseException:
            self._leave(model)
            raise
        return Reply(response, partial(self._leave, model))

    def _leave(self, model: str) -> None:
        self._running[model] -= 1

    async def _enter(self, model: str) -> None:
        async with self._entering:  # nobody asks for a model while it is being unloaded
            idle = [name for name, requests in self._running.items() if not requests and name != model]
            for name in idle[: max(0, len({*self._running, model}) - self._keep)]:
                del self._running[name]
                with suppress(httpx2.HTTPError):  # what is asked next says so
                    await self._client.post("/v1/unload_lora_adapter", json={"lora_name": name}, timeout=CONNECTING)
            self._running[model] = self._running.pop(model, 0) + 1


class Reply:
    """What vLLM answers.

    Args:
        response: whose content is not read yet.
        left: called once, when it is closed.

    Attributes:
        status: of HTTP.
        media_type: of the content.
    """

    def __init__(self, response: httpx2.Response, left: Callable[[], None]) -> None:
        self.status, self.media_type = response.status_code, response.headers.get("content-type", "")
        self._response, self._left = response, left

    async def content(self) -> bytes:
        """All of it.

        Raises:
            RequestError: 502, it breaks off.
        """
        with reaching():
            return await self._response.aread()

    async def events(self) -> AsyncGenerator[bytes]:
        """Server-sent events, each with its empty line, as they come.

        Raises:
            RequestError: 502, they break off.
        """
        rest = b""
        with reaching():
            async for part in self._response.aiter_bytes():
                *whole, rest = (rest + part).split(END)
                for each in whole:
                    yield each + END

    async def close(self) -> None:
        """Break off what was not read; vLLM then stops writing it."""
        if not self._response.is_closed:
            await self._response.aclose()
        left, self._left = self._left, lambda: None
        left()


@contextmanager
def reaching() -> Iterator[None]:
    """Requests to vLLM inside the block.

    Raises:
        RequestError: 502, it does not answer.
    """
    try:
        yield
    except httpx2.HTTPError as error:
        said = f"vLLM does not answer ({type(error).__name__} {error}): ask again later"
        raise RequestError(said, status=502, code="no_upstream") from error
