from __future__ import annotations

import base64
from io import BytesIO

import pytest

pytest.importorskip("nicegui")

from PIL import Image

from rsoup_lightning.errors import PictureError
from rsoup_lightning.explorer.parts.upload import picture_of


def test_what_is_transparent_is_white() -> None:
    stream = BytesIO()
    Image.new("RGBA", (2, 1), (255, 0, 0, 0)).save(stream, "PNG")
    picture = picture_of(f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}")
    assert picture.mode == "RGB" and picture.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("uri", ["", "data:image/png;base64,", "data:image/png;base64,!!", "data:,YWJj"])
def test_what_is_no_picture_is_refused(uri: str) -> None:
    with pytest.raises(PictureError, match="not a picture"):
        picture_of(uri)
