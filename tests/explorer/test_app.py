from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.explorer.browsing import Watched, demo_run, needs_browser, served

pytest.importorskip("nicegui")


def test_a_prefix_of_a_proxy_is_before_every_address(shown: str) -> None:
    with urlopen(Request(shown, headers={"X-Forwarded-Prefix": "/soup"})) as answer:
        text = answer.read().decode()
    assert '"/soup/_nicegui/' in text and '"/_nicegui/' not in text


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    with served(demo_run(tmp_path / "run", 2), "--token", "s3cret") as address:
        yield address


@needs_browser
def test_a_token_opens_the_page(guarded: str, visit: Callable[..., Watched]) -> None:
    with pytest.raises(HTTPError, match="401"):
        urlopen(guarded.partition("?")[0])
    page = visit(guarded).open("/run/run?token=s3cret")
    page.get_by_role("slider").focus()  # and its socket is let in, too
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/run/run?at=reward_a:0.49,reward_b:0.51")


@needs_browser
def test_a_run_that_is_not_there_is_said(shown: str, visit: Callable[..., Watched]) -> None:
    visit(shown).open("/run/other").get_by_text("no run called other").wait_for()
