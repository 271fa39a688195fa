from __future__ import annotations

from collections.abc import Callable

import pytest

from rsoup_lightning.explorer.choosing.mixing import of_address
from tests.explorer.browsing import Watched, needs_browser

pytestmark = needs_browser

NAMES = ["reward_a", "reward_b", "reward_c"]


def test_a_place_in_the_triangle_is_a_mix(shown: str, visit: Callable[..., Watched]) -> None:
    page = visit(shown).open("/run/of_3")
    triangle = page.locator("svg[role=slider]")
    box = triangle.bounding_box()
    left, height = box["x"] + box["width"] * 20 / 300, box["height"] / 262
    page.mouse.click(left, box["y"] + 236 * height)
    page.wait_for_url("**at=*")
    assert _mix(page.url) == pytest.approx({"reward_a": 0, "reward_b": 1, "reward_c": 0}, abs=0.01)
    triangle.focus()
    for _ in range(5):
        page.keyboard.press("ArrowUp")
        page.wait_for_timeout(80)
    page.wait_for_url(lambda url: _mix(url)["reward_a"] == pytest.approx(0.1, abs=0.011))  # the last press is told late
    assert sum(_mix(page.url).values()) == pytest.approx(1)


def _mix(url: str) -> dict[str, float]:
    return of_address(url.partition("at=")[2], NAMES)
