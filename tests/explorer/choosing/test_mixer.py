from __future__ import annotations

from collections.abc import Callable

import pytest

from rsoup_lightning.explorer.choosing.mixing import of_address
from tests.explorer.browsing import Watched, needs_browser

pytestmark = needs_browser

NAMES = [f"reward_{letter}" for letter in "abcd"]


def test_four_sliders_sum_to_one(shown: str, visit: Callable[..., Watched]) -> None:
    page = visit(shown).open("/run/of_4")
    sliders = page.get_by_role("slider")
    sliders.first.wait_for()
    assert sliders.count() == 4
    box = sliders.nth(2).bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    page.wait_for_url("**at=*")
    mix = of_address(page.url.partition("at=")[2], NAMES)
    assert mix["reward_c"] == pytest.approx(0.9, abs=0.02)
    assert mix["reward_a"] == pytest.approx(mix["reward_b"], abs=2e-4)
    shown_numbers = [float(text) for text in page.locator(".weight .number").all_text_contents()]
    assert sum(shown_numbers) == pytest.approx(1, abs=0.021)


def test_an_address_of_another_run_is_said(shown: str, visit: Callable[..., Watched]) -> None:
    page = visit(shown).open("/run/of_2?at=wrong:1")
    page.get_by_text("unknown expert 'wrong'").wait_for()
