from __future__ import annotations

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.serving.errors import RequestError
from rsoup_lightning.serving.gate import KEY, Gate, key_of
from rsoup_lightning.serving.hosts import hosts_of
from tests.serving.parrot import parrot_app


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    assert key_of(host, None, False, {}) is None
    assert key_of(host, None, False, {KEY: "secret"}) == "secret"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.3", "example.org", ""])
def test_other_hosts_need_one_or_an_explicit_word(host: str) -> None:
    with pytest.raises(ConfigError, match="set RSOUP_API_KEY or --api_key, or say --no_auth"):
        key_of(host, None, False, {})
    assert key_of(host, "given", False, {KEY: "secret"}) == "given"
    assert key_of(host, None, True, {}) is None


def test_keys_that_cannot_be() -> None:
    for key in ("", "a b", "ä", "a\nb"):
        with pytest.raises(ConfigError, match="ASCII, without spaces"):
            key_of("0.0.0.0", key, False, {})
        with pytest.raises(ConfigError, match=KEY):
            key_of("0.0.0.0", None, False, {KEY: key})
    with pytest.raises(ConfigError, match="contradict"):
        key_of("0.0.0.0", "secret", True, {})


def test_who_comes_in() -> None:
    gate = Gate("secret")
    gate.check(Headers({"authorization": "Bearer secret"}))
    for headers in ({}, {"authorization": "secret"}, {"authorization": "Bearer secre"}, {"authorization": "Bearer é"}):
        with pytest.raises(RequestError, match="Authorization: Bearer KEY") as refused:
            gate.check(Headers(headers))
        assert refused.value.status == 401 and refused.value.code == "invalid_api_key"
    gate.closed = True
    with pytest.raises(RequestError, match="stopping") as refused:
        gate.check(Headers({"authorization": "Bearer secret"}))
    assert refused.value.status == 503


@pytest.mark.parametrize("host", ["localhost:8000", "LOCALHOST", "localhost.", "127.0.0.1:80", "[::1]:1", "10.0.0.7"])
def test_addresses_and_known_names_are_let_in(host: str) -> None:
    gate = Gate(hosts=hosts_of("127.0.0.1", None, None))
    gate.check(Headers({"host": host}))
    gate.check(Headers({}))
    with pytest.raises(
        RequestError, match=r"not known as 'proxy\.example:80': give its address, or start it with"
    ) as refused:
        gate.check(Headers({"host": "proxy.example:80"}))
    assert (refused.value.status, refused.value.param) == (403, "host")
    Gate(hosts=hosts_of("0.0.0.0", ["Proxy.Example"], None)).check(Headers({"host": "proxy.example:80"}))
    Gate(hosts=hosts_of("box", None, None)).check(Headers({"host": "box:80"}))


@pytest.mark.parametrize("host", ["127.0.0.1.example", "[", "", "localhost.example", "a@b", "1"])
def test_a_page_whose_name_leads_here_is_not(host: str) -> None:
    """The name may be resolved to 127.0.0.1 once the page is there: it is of the same origin for its browser."""
    client = TestClient(parrot_app(gate=Gate(hosts=hosts_of("127.0.0.1", None, None))))
    headers = {"host": host}
    assert client.get("/v1/models", headers=headers).status_code == 403
    assert client.post("/v1/completions", json={"prompt": "a"}, headers=headers).json()["error"]["param"] == "host"
    assert client.get("/health", headers=headers).status_code == 200


def test_with_a_key_names_are_free() -> None:
    Gate("secret", hosts_of("0.0.0.0", None, "secret")).check(
        Headers({"host": "any.example", "authorization": "Bearer secret"})
    )


def test_only_health_is_open_to_everybody() -> None:
    gate = Gate("secret")
    client = TestClient(parrot_app(gate=gate))
    for path in ("/health", "/ready"):
        assert client.get(path).status_code == 200
    for path in ("/metrics", "/v1/models", "/nowhere"):
        answer = client.get(path)
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["param"] == "authorization"
    assert client.post("/v1/completions", content=b"{").status_code == 401
    assert client.get("/v1/models", headers={"authorization": "Bearer secret"}).status_code == 200
    assert gate.inside == 0
