from __future__ import annotations

import base64
from io import BytesIO

import pytest

pytest.importorskip("nicegui")

from PIL import Image

from rsoup_lightning.explorer.parts.picture import data_uri


@pytest.mark.parametrize(("size", "shown"), [((32, 32), (32, 32)), ((1000, 500), (256, 128))])
def test_a_picture_is_small_enough_to_travel(size: tuple[int, int], shown: tuple[int, int]) -> None:
    head, _, content = data_uri(Image.new("RGB", size, "red")).partition(",")
    assert head == "data:image/webp;base64"
    with Image.open(BytesIO(base64.b64decode(content))) as picture:
        assert picture.size == shown
