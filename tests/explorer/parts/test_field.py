from __future__ import annotations

from collections.abc import Callable

from tests.explorer.browsing import Watched, needs_browser

pytestmark = needs_browser


def test_a_field_is_entered_by_keyboard(acting: str, visit: Callable[..., Watched]) -> None:
    page = visit(acting).open("/run/run")
    field = page.get_by_label("start (seed)")
    field.wait_for(timeout=60_000)
    field.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.wait_for_url("**seed=1")
