"""Pages of fronts that were never trained, and a browser that looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.explorer.browsing import CHROMIUM, FLAGS, Watched, demo_run, served
from tests.playing.conftest import run

__all__ = ["run"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with fronts of two, three and four rewards."""
    folder = tmp_path_factory.mktemp("shelf")
    for rewards in (2, 3, 4):
        demo_run(folder / f"of_{rewards}", rewards)
    with served(folder) as address:
        yield address


@pytest.fixture(scope="package")
def acting(run: Path) -> Iterator[str]:
    """The address of a page with a run of locomotion that plays."""
    with served(run) as address:
        yield address


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Watched]]:
    """Opens watched pages; at the end none may have had an error, nor asked another machine."""
    opened: list[Watched] = []

    def watch(address: str, **settings: Any) -> Watched:
        opened.append(Watched(browser, address, **settings))
        return opened[-1]

    yield watch
    for each in opened:
        each.context.close()
    assert [each.errors for each in opened] == [[]] * len(opened)
    assert [each.foreign for each in opened] == [[]] * len(opened)
