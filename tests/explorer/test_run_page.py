from __future__ import annotations

from collections.abc import Callable

from tests.explorer.browsing import Watched, needs_browser

pytestmark = needs_browser


def test_a_run_is_explained(shown: str, visit: Callable[..., Watched]) -> None:
    page = visit(shown).open("/run/of_2")
    page.get_by_text("every λ (").wait_for()  # what it cost
    page.get_by_text("reward of an expert").first.wait_for()


def test_two_visitors_have_a_choice_each(shown: str, visit: Callable[..., Watched]) -> None:
    one, other = visit(shown).open("/run/of_2"), visit(shown).open("/run/of_2")
    other.get_by_role("slider").wait_for()
    one.get_by_role("slider").focus()
    one.keyboard.press("ArrowRight")
    one.wait_for_url("**at=reward_a:0.49,reward_b:0.51")
    other.wait_for_timeout(300)
    assert other.get_by_role("slider").input_value() == "0.5"
