"""A real browser on real pages, and the server behind them, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import pytest

from rsoup_lightning.files import write_json
from tests.conftest import ROOT
from tests.report.demo import demo_record
from tests.running import Command

T = TypeVar("T")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
MISSING = None
if not CHROMIUM:
    MISSING = "no chromium here: install it (apt-get install chromium), or name one in CHROMIUM"
elif find_spec("playwright") is None or find_spec("nicegui") is None:
    MISSING = "playwright of the extra test, or nicegui of the extra explore, is not installed"
needs_browser = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")


def demo_run(folder: Path, rewards: int) -> Path:
    """A run folder with a front to look at, and nothing that plays."""
    folder.mkdir()
    write_json(folder / "front.json", demo_record(rewards))
    (folder / "config.yaml").write_text("task: demo\n")
    return folder


@contextmanager
def served(*arguments: object, program: str = "rsoup_lightning", **variables: str) -> Iterator[str]:
    """The address at which ``rsoup explore`` with these arguments and variables answers; it ends with the block."""
    server = Command("explore", *map(str, arguments), "--port", "0", cwd=ROOT, program=program, **variables)
    try:
        line = server.stdout.readline()
        assert line.startswith("open http://127.0.0.1:"), line + server.stderr.read()
        yield line.split()[1]
    finally:
        server.terminate()
        try:
            server.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """As ``asyncio.run``, in a thread of its own: in that of the tests playwright has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


class Watched:
    """A page that remembers what went wrong in it, and every request that left this machine."""

    def __init__(self, browser: Any, address: str, **settings: Any) -> None:
        self.address = address.partition("?")[0].rstrip("/")
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._see(request.url))
        self.page.on("websocket", lambda opened: self._see(opened.url.replace("ws", "http", 1)))

    def open(self, path: str) -> Any:
        """Go to a page of the server, until it listens to the server; returns playwright's page."""
        self.page.goto(self.address + path)
        self.page.wait_for_function("() => window.socket?.connected")
        return self.page

    def _see(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.foreign.append(url)
