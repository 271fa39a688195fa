from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from rsoup_lightning.errors import ConfigError, PictureError
from tasks.pictures.files import field, of_splits, read_annotations, read_picture


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK", "1"])
def test_pictures_of_any_mode(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    Image.new("RGB", (3, 2), (255, 255, 255)).convert(mode).save(path)
    picture = read_picture(path)
    assert (picture.mode, picture.size, picture.getpixel((2, 1))) == ("RGBA", (3, 2), (255, 255, 255, 255))


@pytest.mark.parametrize("content", [b"", b"no picture", b"P6\n0 0\n255\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_a_picture_that_is_damaged_or_empty_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(PictureError, match=r"the picture .*bad\.png"):
        read_picture(tmp_path / "bad.png")


def test_a_picture_that_is_cut_off(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jpg"
    Image.effect_noise((64, 64), 50).save(whole)
    (tmp_path / "half.jpg").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(PictureError, match=r"half\.jpg cannot be read: .*truncated"):
        read_picture(tmp_path / "half.jpg")


def test_a_picture_that_is_absent(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"absent\.png cannot be read: No such file"):
        read_picture(tmp_path / "absent.png")


def test_json_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"images": [')
    with pytest.raises(ConfigError, match=r"bad\.json is not a readable JSON file: .*line 1"):
        read_annotations(tmp_path / "bad.json")
    with pytest.raises(ConfigError, match=r"absent\.json cannot be read: No such file"):
        read_annotations(tmp_path / "absent.json")


def test_fields() -> None:
    assert field({"a": 1.5}, "a", (int, float), "f.json") == 1.5
    with pytest.raises(ConfigError, match=r"f\.json has no 'b'; it has 'a'"):
        field({"a": 1}, "b", int, "f.json")
    with pytest.raises(ConfigError, match=r"'a' of f\.json is a str, not a int or float"):
        field({"a": "1"}, "a", (int, float), "f.json")
    with pytest.raises(ConfigError, match=r"f\.json: an object with 'a' is needed, not a list"):
        field([], "a", int, "f.json")


def test_splits() -> None:
    records = [{"split": "train"}, {"split": "restval"}, {"split": "test"}]
    assert of_splits(records, ["train", "restval"], "f.json") == records[:2]
    with pytest.raises(ConfigError, match=r"f\.json has nothing of split val: it has restval, test, train"):
        of_splits(records, ["val"], "f.json")
    with pytest.raises(ConfigError, match=r"record 1 of f\.json has no 'split'"):
        of_splits([records[0], {}], ["train"], "f.json")
