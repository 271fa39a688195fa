from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.explorer.browsing import Watched, demo_run, needs_browser, served
from tests.explorer.proxy import proxied

pytest.importorskip("nicegui")


@needs_browser
def test_behind_a_proxy_all_is_under_its_prefix(shown: str, visit: Callable[..., Watched]) -> None:
    """Pages, scripts and the socket: whatever is asked elsewhere is seen as another origin's."""
    with proxied(shown, "/soups/here") as address:
        watched = visit(address)
        page = watched.open("/run/of_2")
        page.get_by_role("slider").press("ArrowRight")
        page.wait_for_url("**/soups/here/run/of_2?at=reward_a:0.49,reward_b:0.51")
        page.locator(".plot .point").first.wait_for()
        page.get_by_role("link", name="all runs").click()
        page.wait_for_url(address)
        page.get_by_role("link", name="of_3").click()
        page.wait_for_url("**/soups/here/run/of_3")
        page.locator("svg[role=slider]").wait_for()
        watched.context.close()  # before its proxy


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    with served(demo_run(tmp_path / "run", 2), "--token", "s3cret") as address:
        yield address


@needs_browser
def test_a_token_opens_the_page(guarded: str, visit: Callable[..., Watched]) -> None:
    with pytest.raises(HTTPError, match="401"):
        urlopen(guarded.partition("?")[0])
    page = visit(guarded).open("/run/run?token=s3cret")
    page.get_by_role("slider").press("ArrowRight")  # and its socket is let in, too
    page.wait_for_url("**/run/run?at=reward_a:0.49,reward_b:0.51")


@needs_browser
def test_a_run_that_is_not_there_is_said(shown: str, visit: Callable[..., Watched]) -> None:
    visit(shown).open("/run/other").get_by_text("no run called other").wait_for()
