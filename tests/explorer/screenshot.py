"""A picture of a run's page, for README: its front, and what its policies do.

python -m tests.explorer.screenshot runs/quickstart docs/explore.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.explorer.browsing import CHROMIUM, FLAGS, served


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    with served(options.run.absolute()) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}run/{options.run.name}")
        page.locator(".panel").nth(2).wait_for(timeout=120_000)
        page.wait_for_function("() => !document.querySelector('.busy')", timeout=120_000)
        page.wait_for_timeout(4000)  # until the bodies are in the middle of something
        end = page.locator(".panels").first.bounding_box()
        page.screenshot(
            path=options.picture,
            full_page=True,
            clip={"x": 0, "y": 0, "width": 1280, "height": end["y"] + end["height"] + 24},
        )
        browser.close()


if __name__ == "__main__":
    main()
