from __future__ import annotations

from collections.abc import Callable

from tests.explorer.browsing import Watched, needs_browser

pytestmark = needs_browser


def test_every_run_has_its_card(shown: str, visit: Callable[..., Watched]) -> None:
    page = visit(shown).open("/")
    cards = page.locator("a.card")
    assert [cards.nth(number).locator("h3").text_content() for number in range(3)] == ["of_2", "of_3", "of_4"]
    assert "soup hypervolume" in cards.first.text_content()
    assert cards.first.locator("circle").count() == 4  # three soups of five λ, and one outside the simplex
    cards.first.click()
    page.get_by_role("heading", name="The front").wait_for()
    assert page.url.endswith("/run/of_2")


def test_a_narrow_page_does_not_scroll_sideways(shown: str, visit: Callable[..., Watched]) -> None:
    watched = visit(shown, viewport={"width": 400, "height": 800})
    for path in ("/", "/run/of_2", "/run/of_3"):
        page = watched.open(path)
        page.locator("h1").wait_for()
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_dark_where_the_machine_is(shown: str, visit: Callable[..., Watched]) -> None:
    def lightness(page: object) -> int:
        return page.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0])")  # type: ignore[attr-defined]

    page = visit(shown, color_scheme="dark").open("/")
    page.locator("h1").wait_for()
    assert lightness(page) < 50
    page.get_by_role("button", name="Light or dark").click()
    assert lightness(page) > 200
