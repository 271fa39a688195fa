"""A picture on the page, and what is said of it."""

from __future__ import annotations

import base64

from nicegui import ui
from PIL.Image import Image

from rsoup_lightning.explorer.parts.elements import box, set_text, tag
from rsoup_lightning.modalities.pictures import encoded, shrunk


class Picture:
    """A place for a picture with a line under it.

    Args:
        name: of the panel.
    """

    def __init__(self, name: str) -> None:
        with box("picture"):
            self._image = ui.element("img").props(f'alt="{name}"').classes("still")
            self._line = tag("p", "", "answer-line")
        self._image.set_visibility(False)

    def begin(self) -> None:
        """Something new begins; the old stays, pale, until there is something of it."""
        self._image.classes("old").props("data-ended=false")

    def show(self, picture: Image, line: str = "") -> None:
        """Show a picture and a line."""
        self._image.props["src"] = data_uri(picture)
        self._image.set_visibility(True)
        self._image.classes(remove="old")
        set_text(self._line, line)

    def end(self) -> None:
        """That was all."""
        self._image.props("data-ended=true")


def data_uri(picture: Image) -> str:
    """A picture as it can stand in an address, small enough to be looked at."""
    return f"data:image/webp;base64,{base64.b64encode(encoded(shrunk(picture))).decode()}"
