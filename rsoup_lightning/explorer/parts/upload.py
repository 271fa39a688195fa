"""A field for a picture of one's own."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO

from nicegui import ui
from nicegui.element import Element
from PIL import Image, UnidentifiedImageError

from rsoup_lightning.errors import PictureError
from rsoup_lightning.modalities.pictures import in_rgb


class Upload(Element, component="upload.js"):
    """Takes a file of any kind of picture that the browser reads.

    Args:
        label: what it is for.
        taken: called with the picture.
    """

    def __init__(self, label: str, taken: Callable[[Image.Image], None]) -> None:
        super().__init__()
        self._props["label"] = label
        self._taken = taken
        self.on("picture", lambda event: self._take(str(event.args)))

    def _take(self, uri: str) -> None:
        try:
            picture = picture_of(uri)
        except PictureError as error:
            ui.notify(str(error), type="negative")
        else:
            self._taken(picture)


def picture_of(uri: str) -> Image.Image:
    """The picture in a data URI, in RGB; what is transparent is white.

    Raises:
        PictureError: it is none.
    """
    try:
        content = base64.b64decode(uri.partition(",")[2], validate=True)
        with Image.open(BytesIO(content)) as opened:
            return in_rgb(opened)
    except (ValueError, OSError, UnidentifiedImageError, Image.DecompressionBombError):
        raise PictureError("this file is not a picture: choose a PNG, JPEG or WebP") from None
