"""The page as a web application, and the server that it runs in."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import nicegui
import uvicorn
from fastapi import FastAPI, Request
from nicegui import ui

from rsoup_lightning.explorer.access import HostGate, TokenGate
from rsoup_lightning.explorer.home import home
from rsoup_lightning.explorer.parts.elements import box, button, tag
from rsoup_lightning.explorer.run_page import run_page
from rsoup_lightning.explorer.shelf import Shelf
from rsoup_lightning.report.page import WORDS
from rsoup_lightning.serving.server import ending_quietly

LOOK = Path(__file__).parent / "look.css"
PACE = LOOK.with_name("pace.js")
TITLE = "rsoup explore"
ACCENT = "#1f6fae"


def application(shelf: Shelf, token: str | None = None, hosts: Collection[str] | None = None) -> FastAPI:
    """The pages of a shelf; one per process.

    Args:
        shelf: the runs.
        token: who has none is refused; None lets in everybody who reaches it.
        hosts: names by which it may be asked, beside addresses; None: any.
    """

    @ui.page("/")
    def show_home() -> None:
        with _framed(""):
            home(shelf)

    @ui.page("/run/{name}")
    async def show_run(request: Request, name: str) -> None:
        with _framed(name):
            if name in shelf.runs:
                await run_page(shelf.runs[name], request.query_params)
            else:
                tag("h1", "No such run")
                tag("p", f"There is no run called {name} here.", "faint")

    if len(shelf.runs) == 1:  # whose experts somebody will want to see, and as soon as they look
        nicegui.app.on_startup(next(iter(shelf.runs.values())).load_ahead)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    ui.run_with(app, title=TITLE, dark=None, tailwind=False, favicon="🍲", show_welcome_message=False)
    if token is not None:
        app.add_middleware(TokenGate, token=token)
    if hosts is not None:
        app.add_middleware(HostGate, hosts=hosts)
    return app


def serve_pages(app: FastAPI, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until a signal comes; another one breaks off what it ends.

    Args:
        app: what.
        listening: where.
        ready: called once it answers.

    Raises:
        KeyboardInterrupt: it came; of its number.
    """

    class Reporting(uvicorn.Server):
        signals: tuple[int, ...] = ()

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # uvicorn's own would raise each again where its loop is being closed, whose threads then tell of it.
            self.signals, self.force_exit, self.should_exit = (*self.signals, sig), self.should_exit, True

    settings = uvicorn.Config(app, log_level="warning", ws_max_size=2**24, timeout_graceful_shutdown=1)
    ending_quietly()
    warnings.filterwarnings("ignore", category=FutureWarning, module="nicegui")  # it looks at every object there is
    server = Reporting(settings)
    server.run(sockets=[listening])
    raise KeyboardInterrupt(*server.signals[:1])


@contextmanager
def _framed(name: str) -> Iterator[None]:
    """What is around every page: the look, the way home, the light."""
    ui.add_css(LOOK.read_text(encoding="utf-8"))
    for script in (PACE, WORDS):
        ui.add_head_html(f"<script>{script.read_text(encoding='utf-8')}</script>")
    ui.colors(primary=ACCENT)
    ui.page_title(f"{name} – {TITLE}" if name else TITLE)
    with box("top"):
        ui.link("← all runs" if name else TITLE, "/")
        button("Light or dark", None).on("click", js_handler="() => Quasar.Dark.toggle()")
    with box("", "main"):
        yield
