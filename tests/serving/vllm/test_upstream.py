from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI, Response

from rsoup_lightning.errors import ConfigError, RSoupError
from rsoup_lightning.serving.errors import RequestError
from rsoup_lightning.serving.vllm.plugin import SOUPS_PATH
from rsoup_lightning.serving.vllm.upstream import Offered, RemoteSoup, Upstream, offered, root
from tests.serving.listening import serving_app
from tests.serving.parrot import soup
from tests.serving.vllm.stand_in_vllm import StandIn


def test_what_vllm_offers() -> None:
    with serving_app(StandIn(key="secret").app()) as vllm:
        for url in (vllm.url, f"{vllm.url}/", root(vllm.url)):
            assert offered(url, "secret", None) == Offered("tuned", ("kind", "brief"), 20, 2)
        with pytest.raises(ConfigError, match="set VLLM_API_KEY"):
            offered(vllm.url, None, None)


def test_what_an_earlier_gateway_asked_for_is_unloaded_first() -> None:
    stand_in = StandIn(loaded=("tuned@1,0", "tuned@0,1", "other@1"))

    async def ask(url: str, known: tuple[str, ...]) -> None:
        reply = await Upstream(url, None, 2, known).ask("/v1/completions", {"model": "new", "prompt": "ab"}, "id")
        await reply.close()

    with serving_app(stand_in.app()) as vllm:
        known = offered(vllm.url, None, None).known
        assert known == ("tuned@1,0", "tuned@0,1")
        asyncio.run(ask(vllm.url, known))
    assert stand_in.unloaded == ["tuned@1,0"]


@pytest.mark.parametrize(
    ("soups", "name", "said"),
    [
        ({}, None, "has no soups: start it with VLLM_PLUGINS=rsoup"),
        ({"a": ["x"], "b": ["y"]}, None, "choose one with --name: a, b"),
        ({"review": ["x"]}, "reviw", "did you mean 'review'"),
    ],
)
def test_soups_that_are_not_there(soups: dict[str, list[str]], name: str | None, said: str) -> None:
    with serving_app(StandIn(soups=soups).app()) as vllm, pytest.raises(RSoupError, match=said):
        offered(vllm.url, None, name)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nowhere", "http://[:1"])
def test_no_vllm(url: str) -> None:
    with pytest.raises(ConfigError, match="no vLLM answers"):
        offered(url, None, None)


def test_another_server() -> None:
    app = FastAPI()
    app.add_api_route(SOUPS_PATH, lambda: Response("hello"))
    with serving_app(app) as served, pytest.raises(ConfigError, match="has no soups"):
        offered(served.url, None, None)


def test_a_run_of_other_experts() -> None:
    front = soup(front=True).front
    assert RemoteSoup(Offered("tuned", ("kind", "brief"), 20, 2), front).rewards == ("kind", "brief")
    with pytest.raises(ConfigError, match="the experts of run are kind, brief, those of vLLM's 'tuned' brief, kind"):
        RemoteSoup(Offered("tuned", ("brief", "kind"), 20, 2), front)


def test_the_name_that_was_asked_for_least_recently_is_unloaded() -> None:
    stand_in = StandIn(keep=2)

    async def ask(upstream: Upstream, *models: str) -> None:
        for model in models:
            reply = await upstream.ask("/v1/completions", {"model": model, "prompt": "ab"}, "id")
            assert b"ba" in await reply.content()
            await reply.close()

    async def scenario(address: str) -> None:
        upstream = Upstream(address, None, 2)
        await ask(upstream, "a", "b", "a", "c")
        assert stand_in.unloaded == ["b"]
        held = await upstream.ask("/v1/completions", {"model": "a", "prompt": "ab"}, "id")
        await ask(upstream, "d", "e")
        assert stand_in.unloaded == ["b", "c", "d"]  # not a, which is still being answered
        await held.close()
        await held.close()  # which may come twice
        await ask(upstream, "f")
        assert stand_in.unloaded == ["b", "c", "d", "a"]

    with serving_app(stand_in.app()) as vllm:
        asyncio.run(scenario(vllm.url))


def test_requests_that_fail_leave_nothing_behind() -> None:
    async def scenario() -> None:
        upstream = Upstream("http://127.0.0.1:1", None, 1)
        for model in ("a", "b"):
            with pytest.raises(RequestError, match="vLLM does not answer") as failed:
                await upstream.ask("/v1/completions", {"model": model}, "id")
            assert failed.value.status == 502
        assert list(upstream._running.values()) == [0]
        assert not await upstream.is_alive()

    asyncio.run(scenario())
