from __future__ import annotations

from collections.abc import Callable

from tests.explorer.browsing import Watched, needs_browser

pytestmark = needs_browser


def test_a_hand_is_faster_than_the_server(shown: str, visit: Callable[..., Watched]) -> None:
    page = visit(shown).open("/run/of_2?at=reward_a:1,reward_b:0")
    slider = page.get_by_role("slider", name="λ, from reward_a to reward_b")
    slider.focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    page.wait_for_url("**at=reward_a:0.6,reward_b:0.4")
    assert slider.input_value() == "0.4"


def test_it_follows_what_is_chosen_elsewhere(shown: str, visit: Callable[..., Watched]) -> None:
    page = visit(shown).open("/run/of_4")
    first, second = page.get_by_role("slider").all()[:2]
    first.press("End")
    page.wait_for_function("() => document.querySelectorAll('input[type=range]')[1].value === '0'")
    second.press("End")
    page.wait_for_function("() => document.querySelectorAll('input[type=range]')[0].value === '0'")
