from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.explorer.browsing import Watched, needs_browser

pytestmark = needs_browser

NTH_POINT = """([reward, nth]) => {  // where on the screen a point of the soup is
    const plot = document.querySelector(".js-plotly-plot"), box = plot.getBoundingClientRect();
    const {xaxis, yaxis} = plot._fullLayout;
    const trace = plot.data.filter((trace) => trace.customdata).flatMap((trace) =>
        trace.customdata.map((index, i) => ({index, x: trace.x[i], y: trace.y[i]}))).find(({index}) => index === nth);
    return [box.x + xaxis._offset + xaxis.d2p(trace.x), box.y + yaxis._offset + yaxis.d2p(trace.y)];
}"""


def test_a_click_on_the_front_sets_lambda(shown: str, visit: Callable[..., Watched]) -> None:
    page = visit(shown).open("/run/of_2?at=reward_a:0.6,reward_b:0.4")
    page.get_by_text("An estimate").wait_for()
    page.locator(".js-plotly-plot .points path").first.wait_for()
    x, y = page.evaluate(NTH_POINT, ["", 1])
    page.mouse.move(x, y)
    page.get_by_text("soup (λ: reward_a 0.25, reward_b 0.75)").wait_for()  # hovering tells it
    page.mouse.click(x, y)
    page.get_by_text("Measured at this λ").wait_for()
    assert page.url.endswith("?at=reward_a:0.25,reward_b:0.75")
    assert page.get_by_role("slider").input_value() == "0.75"


def test_the_mark_of_lambda_moves_with_it(shown: str, visit: Callable[..., Watched]) -> None:
    page = visit(shown).open("/run/of_2?at=reward_a:1,reward_b:0")
    page.locator(".js-plotly-plot .points path").first.wait_for()
    chosen = "() => document.querySelector('.js-plotly-plot').data.at(-1)"
    before = page.evaluate(chosen)
    assert before["x"][0] > before["y"][0] and before["name"] == "chosen λ"
    page.get_by_role("slider").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.wait_for_url("**at=reward_a:0.9,reward_b:0.1")
    page.wait_for_function(f"() => ({chosen})().name.includes('estimate')")
    assert page.evaluate(chosen)["y"][0] == pytest.approx(0.1**0.5, abs=0.15)
