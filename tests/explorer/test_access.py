from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError

pytest.importorskip("nicegui")

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from rsoup_lightning.explorer.access import HostGate, TokenGate, check_access


@pytest.mark.parametrize(
    ("host", "token", "no_auth"), [("127.0.0.1", None, False), ("0.0.0.0", "x", False), ("::", None, True)]
)
def test_who_may_listen(host: str, token: str | None, no_auth: bool) -> None:
    check_access(host, token, no_auth)


@pytest.mark.parametrize(
    ("host", "token", "no_auth"),
    [("0.0.0.0", None, False), ("example.org", " ", False), ("127.0.0.1", "x", True), ("::", "€", False)],
)
def test_who_may_not(host: str, token: str | None, no_auth: bool) -> None:
    with pytest.raises(ConfigError, match="--token"):
        check_access(host, token, no_auth)


@pytest.fixture
def client() -> TestClient:
    pages = Starlette(routes=[Route("/run/a", lambda request: PlainTextResponse("the page"))])
    return TestClient(TokenGate(pages, "s3cret"))


def test_a_token_opens_the_page_and_leaves_the_address(client: TestClient) -> None:
    assert client.get("/run/a").status_code == 401
    assert client.get("/run/a?token=wrong").status_code == 401
    opened = client.get("/run/a?token=s3cret&at=x:1")
    assert opened.text == "the page" and opened.url.query == b"at=x%3A1"
    assert client.get("/run/a").text == "the page"  # by its cookie from now on


def test_behind_a_prefix_the_way_back_has_it(client: TestClient) -> None:
    headers = {"X-Forwarded-Prefix": "/soup"}
    answer = client.get("/run/a?token=s3cret", headers=headers, follow_redirects=False)
    assert answer.headers["location"] == "/soup/run/a"


def test_by_which_names_the_page_may_be_asked() -> None:
    pages = Starlette(routes=[Route("/", lambda request: PlainTextResponse("the page"))])
    client = TestClient(HostGate(pages, {"localhost"}))
    for host, status in (("127.0.0.1:8080", 200), ("localhost:1", 200), ("[::1]", 200), ("page.example:8080", 403)):
        answer = client.get("/", headers={"host": host})
        assert answer.status_code == status, host
    assert "--allowed_hosts" in answer.text
