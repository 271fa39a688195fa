from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

from rsoup_lightning.modalities.pictures import as_bytes, encoded, shrunk


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


def test_pictures_as_bytes_have_the_size_that_is_asked_for() -> None:
    red = Image.new("RGBA", (30, 20), "red")
    pixels = as_bytes(red, 8)
    assert (pixels.shape, pixels.dtype) == ((3, 8, 8), torch.uint8)
    assert pixels.flatten(1).unique(dim=1).tolist() == [[255], [0], [0]]
