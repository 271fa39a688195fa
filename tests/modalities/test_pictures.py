from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

from rsoup_lightning.modalities.pictures import as_bytes, encoded, in_rgb, shrunk


@pytest.mark.parametrize(("size", "expected"), [((640, 480), (256, 192)), ((30, 20), (30, 20))])
def test_large_pictures_are_shrunk(size: tuple[int, int], expected: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "grey")
    assert shrunk(picture).size == expected
    assert picture.size == size


def test_small_pictures_are_kept_without_loss() -> None:
    noise = torch.randint(256, (20, 30, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    picture = Image.fromarray(noise.numpy())
    read = Image.open(io.BytesIO(encoded(picture)))
    assert (read.format, read.convert("RGB").tobytes()) == ("WEBP", picture.tobytes())
    assert encoded(picture) == encoded(picture.copy())


def half_clear(mode: str) -> Image.Image:
    """Two pixels: one of a colour, and one that is transparent and black."""
    picture = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    picture.putpixel((0, 0), (30, 30, 30, 255))
    if mode != "P":
        return picture.convert(mode)
    palette = picture.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    palette.info["transparency"] = palette.getpixel((1, 0))
    return palette


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_the_background(mode: str) -> None:
    picture = in_rgb(half_clear(mode))
    assert (picture.mode, [picture.getpixel((x, 0)) for x in range(2)]) == ("RGB", [(30, 30, 30), (255, 255, 255)])
    assert in_rgb(half_clear(mode), (200, 100, 0)).getpixel((1, 0)) == (200, 100, 0)
    assert as_bytes(half_clear(mode).resize((4, 4)), 4)[:, :, -1].min() > 200


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "1"])
def test_pictures_of_other_modes_are_as_pillow_converts_them(mode: str) -> None:
    picture = Image.new("RGB", (3, 2), "white").convert(mode)
    assert in_rgb(picture).tobytes() == picture.convert("RGB").tobytes()


def test_pictures_as_bytes_have_the_size_that_is_asked_for() -> None:
    red = Image.new("RGBA", (30, 20), "red")
    pixels = as_bytes(red, 8)
    assert (pixels.shape, pixels.dtype) == ((3, 8, 8), torch.uint8)
    assert pixels.flatten(1).unique(dim=1).tolist() == [[255], [0], [0]]
