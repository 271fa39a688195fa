from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rsoup_lightning.errors import ConfigError, PictureError
from rsoup_lightning.modalities.data import Item
from tasks.captioning.data import KarpathyCaptions
from tests.tasks.pictures.built import check_built

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


def test_it_is_built_from_a_recipe_without_reading() -> None:
    check_built(
        "tasks.captioning.data.KarpathyCaptions",
        {"annotations": "absent.json", "images": "absent", "eval_splits": ["val"]},
    )
