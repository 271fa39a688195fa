"""The few plain elements that every part of the page is made of."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nicegui import ui

from rsoup_lightning.errors import RSoupError

logger = logging.getLogger(__name__)


def tag(name: str, text: str = "", classes: str = "") -> ui.html:
    """An HTML element with a text in it."""
    return ui.html(html.escape(text), sanitize=False, tag=name).classes(classes)


def box(classes: str, name: str = "div") -> ui.element:
    """An HTML element to put others in: ``with box("card"): ...``."""
    return ui.element(name).classes(classes)


@contextmanager
def section(title: str) -> Iterator[ui.element]:
    """A part of the page under a heading."""
    with ui.element("section").props(f'aria-label="{html.escape(title)}"') as made:
        tag("h2", title)
        yield made


def button(text: str, clicked: Any) -> ui.button:
    """A quiet button."""
    return ui.button(text, on_click=clicked, color=None).props("flat no-caps").classes("plain")


def set_text(element: ui.html, text: str) -> None:
    """Replace the text of a :func:`tag`."""
    element.set_content(html.escape(text))


class Status:
    """A line that says what is going on, or what went wrong; empty where there is nothing to say."""

    def __init__(self) -> None:
        self._line = ui.html("", sanitize=False).classes("small").props("role=status aria-live=polite")

    def busy(self, text: str) -> None:
        """Something takes a while."""
        self._show(f"<span class=busy></span><span class=faint>{html.escape(text)}</span>")

    def wrong(self, text: str) -> None:
        """Something failed."""
        self._show(f"<span class=wrong>{html.escape(text)}</span>")

    def done(self, text: str = "") -> None:
        """It is over."""
        self._show(f"<span class=faint>{html.escape(text)}</span>" if text else "")

    @contextmanager
    def told(self, text: str) -> Iterator[None]:
        """Says so while the block does its work, and what went wrong if it fails."""
        self.busy(text)
        try:
            yield
        except RSoupError as error:
            self.wrong(str(error))
        except Exception as error:  # of a model or a simulator, which may raise anything; the page goes on
            logger.exception("what plays on the page failed")
            self.wrong(f"{type(error).__name__}: {error}")
        else:
            self.done()

    @property
    def text(self) -> str:
        """What it says, as HTML."""
        return self._line.content

    def _show(self, content: str) -> None:
        self._line.set_content(content)
        self._line.set_visibility(bool(content))


def command(text: str) -> ui.html:
    """A text to copy, with a button that copies it; returns the element that holds the text."""
    with box("command"):
        shown = tag("pre", text)
        shown.props("tabindex=0")
        copy = button("Copy", None)
        # In the browser alone: what asks the server first is no longer a click to the clipboard.
        copy.on(
            "click",
            js_handler=f"""async (event) => {{
            const text = document.getElementById("{shown.html_id}").textContent, label = event.currentTarget;
            let done = true;
            try {{ await navigator.clipboard.writeText(text); }} catch {{
                const area = document.createElement("textarea");
                area.value = text; document.body.append(area); area.select();
                done = document.execCommand("copy"); area.remove();
            }}
            label.querySelector(".block, .q-btn__content").textContent = done ? "Copied" : "Copying was refused";
        }}""",
        )
    return shown
