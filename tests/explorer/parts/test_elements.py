from __future__ import annotations

from collections.abc import Callable

from tests.explorer.browsing import Watched, needs_browser

pytestmark = needs_browser


def test_a_command_is_copied_as_it_is_shown(shown: str, visit: Callable[..., Watched]) -> None:
    watched = visit(shown)
    watched.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = watched.open("/run/of_2?at=reward_a:0.25,reward_b:0.75")
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("rsoup merge") and "--coefficients 0.25 0.75" in copied
    assert copied == page.locator("pre").first.text_content()
