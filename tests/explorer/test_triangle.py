from __future__ import annotations

from collections.abc import Callable

import pytest

from rsoup_lightning.explorer.mixing import of_address
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
    assert of_address(page.url.partition("at=")[2], NAMES) == pytest.approx(
        {"reward_a": 0, "reward_b": 1, "reward_c": 0}, abs=0.01
    )
    triangle.focus()
    for _ in range(5):
        page.keyboard.press("ArrowUp")
        page.wait_for_timeout(80)
    mix = of_address(page.url.partition("at=")[2], NAMES)
    assert mix["reward_a"] == pytest.approx(0.1, abs=0.011) and sum(mix.values()) == pytest.approx(1)
