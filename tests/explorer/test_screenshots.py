"""Pictures of the three kinds of page for README, of runs in a folder, into docs/:

RSOUP_SCREENSHOTS=runs pytest tests/explorer/test_screenshots.py

What is asked is written here, and none of it, nor of what answers, is anybody else's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.explorer.browsing import Watched, needs_browser, served

FOLDER = os.environ.get("RSOUP_SCREENSHOTS")
PAGES = {
    "locomotion": ("quickstart", "at=risky:0.5,cautious:0.5"),
    "text": ("review", "at=liking:0.5,critic:0.5&prompt=Two+cooks+share+one+pot,+and&seed=1"),
    "pictures": ("drawn", "at=warm:0.5,cool:0.5&prompt=red+heart&seed=2"),
}
LARGEST = 150_000  # bytes
DONE = "() => document.querySelectorAll('.panel').length > 2 && !document.querySelector('.busy')"


@needs_browser
@pytest.mark.skipif(FOLDER is None, reason="RSOUP_SCREENSHOTS names no folder with runs to take pictures of")
@pytest.mark.parametrize("kind", PAGES)
def test_a_page_looks_like_this(kind: str, visit: Callable[..., Watched]) -> None:
    name, asked = PAGES[kind]
    with served((Path(FOLDER or "") / name).absolute()) as address:
        watched = visit(address)
        page = watched.open(f"/run/{name}?{asked}")
        page.wait_for_function(DONE, timeout=120_000)
        page.wait_for_timeout(4000)  # until bodies are in the middle of something
        end = page.get_by_role("region", name="Played now").bounding_box()
        clip = {"x": 0, "y": 0, "width": 1280, "height": end["y"] + end["height"] + 24}
        shot = page.screenshot(full_page=True, clip=clip)
        watched.context.close()
    picture = ROOT / "docs" / f"explore-{kind}.png"
    with Image.open(BytesIO(shot)) as opened:
        opened.convert("RGB").quantize(128).save(picture, optimize=True)
    assert picture.stat().st_size < LARGEST
