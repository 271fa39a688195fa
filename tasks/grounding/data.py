"""Phrases and the boxes of what they name: things in scenes of emoji, or in photographs in the format of RefCOCO+."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.data import Box, Item, Split
from rsoup_lightning.modalities.vision_language.boxes import box_text, size_of, with_room
from tasks.emoji.scene_data import SceneData
from tasks.emoji.scenes import Scene, Thing
from tasks.grounding.plain_pickle import read_plain_pickle
from tasks.pictures.files import field, of_splits, read_annotations
from tasks.pictures.split import PictureFolder, check_disjoint

ROUNDING = 1.0
"""Pixels by which a box may stand out of its picture, as COCO's rounding makes some do; they are cut off."""


class SceneBoxes(SceneData):
    """One phrase on each scene: a thing's name, with its place where another of the same name is there.

    A scene's small, medium and large things are asked for equally often. The reference is the box as text, with room on
    each side: people who draw boxes differ in how much they leave.

    Args:
        room: the most room on a side in references, as a share of the thing's width or height. Each side has a random
            part of it.
        bins: integers that a box's edges are written with, from 0 to ``bins - 1``.
        **kwargs: as of SceneData.

    Raises:
        ConfigError: room below 0, fewer than two bins, or as of SceneData.
    """

    def __init__(self, room: float = 0.6, bins: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not room >= 0:
            raise ConfigError(f"room is {room}: it must be at least 0")
        self.room = room
        self.bins = _checked(bins)

    def ask(self, picture: str, scene: Scene, random: Random) -> Item:
        by_size: dict[str, list[Thing]] = {}
        for thing in scene.things:
            by_size.setdefault(size_of(scene.box(thing)), []).append(thing)
        thing = random.choice(by_size[random.choice(sorted(by_size))])
        box = scene.box(thing)
        drawn = with_room(box, *(random.uniform(0, self.room) for _ in box))
        return Item(picture, (box_text(drawn, self.bins),), phrase(scene, thing), box)


def phrase(scene: Scene, thing: Thing) -> str:
    """What to call a thing so that nothing else is meant: its name, and before it its place where that is needed."""
    twins = [other for other in scene.things if other.emoji == thing.emoji and other != thing]
    if not twins:
        return thing.emoji.name
    (x, y), (twin_x, twin_y) = thing.middle, twins[0].middle
    if abs(x - twin_x) > abs(y - twin_y):
        return f"{'left' if x < twin_x else 'right'} {thing.emoji.name}"
    return f"{'top' if y < twin_y else 'bottom'} {thing.emoji.name}"


class RefCocoFiles(PictureFolder):
    """Phrases on things in photographs, from files in the format of RefCOCO, RefCOCO+ and RefCOCOg.

    Yu et al., "Modeling context in referring expressions" (2016). Each sentence of each reference is an item; the
    reference is the box as text.

    Args:
        refs: such as refs(unc).p; a pickle, of which only plain containers, texts and numbers are read.
        instances: instances.json beside it, with the pictures' sizes and the boxes in pixels.
        images: the folder that holds the pictures.
        train_splits: splits of ``refs`` to train on.
        eval_splits: splits of ``refs`` to evaluate on: val, testA (people) and testB (other things) of RefCOCO+.
        bins: integers that a box's edges are written with, from 0 to ``bins - 1``.
        **sizes: as of PictureFolder.

    Raises:
        ConfigError: a size below one, fewer than two bins, or a split in both.
    """

    def __init__(
        self,
        refs: str,
        instances: str,
        images: str,
        train_splits: Sequence[str] = ("train",),
        eval_splits: Sequence[str] = ("val",),
        bins: int = 32,
        **sizes: Any,
    ) -> None:
        super().__init__(images, **sizes)
        check_disjoint(train_splits, eval_splits)
        self.refs = user_path(refs)
        self.instances = user_path(instances)
        self.names: dict[Split, tuple[str, ...]] = {"train": tuple(train_splits), "eval": tuple(eval_splits)}
        self.bins = _checked(bins)

    def load(self) -> dict[Split, Sequence[Item]]:
        refs = read_plain_pickle(self.refs)
        if not isinstance(refs, list):
            raise ConfigError(f"{self.refs} holds a {type(refs).__name__}, not a list of references")
        instances = read_annotations(self.instances)
        pictures = _by_id(field(instances, "images", list, self.instances), f"an image of {self.instances}")
        things = _by_id(field(instances, "annotations", list, self.instances), f"an annotation of {self.instances}")
        return {
            split: [item for ref in of_splits(refs, names, self.refs) for item in self._read(ref, pictures, things)]
            for split, names in self.names.items()
        }

    def _read(self, ref: Any, pictures: dict[int, Any], things: dict[int, Any]) -> Iterator[Item]:
        where = f"ref {field(ref, 'ref_id', int, f'a reference of {self.refs}')} of {self.refs}"
        picture = _found(pictures, field(ref, "image_id", int, where), "image", where)
        thing = _found(things, field(ref, "ann_id", int, where), "annotation", where)
        in_file = f"image {ref['image_id']} of {self.instances}"
        sides = (field(picture, "width", int, in_file), field(picture, "height", int, in_file))
        name = field(picture, "file_name", str, in_file)
        box = fractions(field(thing, "bbox", list, f"annotation {ref['ann_id']} of {self.instances}"), sides, where)
        sentences = field(ref, "sentences", list, where)
        if not sentences:
            raise ConfigError(f"{where} has no sentences: give it one or leave it out")
        for sentence in sentences:
            words = field(sentence, "sent", str, f"a sentence of {where}").strip()
            if not words:
                raise ConfigError(f"{where} has an empty sentence: leave it out")
            yield Item(name, (box_text(box, self.bins),), words, box)


def fractions(corner_and_size: Sequence[float], sides: tuple[int, int], where: object) -> Box:
    """A box of COCO's format as fractions of its picture.

    >>> fractions([32, 12, 16, 24], (64, 48), "ref 1")
    (0.5, 0.25, 0.75, 0.75)

    Args:
        corner_and_size: left, top, width and height in pixels.
        sides: the picture's width and height in pixels.
        where: whose box it is, for the error.

    Raises:
        ConfigError: it is not four numbers, has no area, or is outside the picture.
    """
    if len(corner_and_size) != 4 or not all(isinstance(number, int | float) for number in corner_and_size):
        raise ConfigError(f"the box of {where} is {corner_and_size}: left, top, width and height are needed")
    left, top, width, height = corner_and_size
    right, bottom = left + width, top + height
    columns, rows = sides
    inside = min(left, top) >= -ROUNDING and right <= columns + ROUNDING and bottom <= rows + ROUNDING
    box = (max(left, 0), max(top, 0), min(right, columns), min(bottom, rows))
    # written so that it holds for NaN too
    if not (inside and box[0] < box[2] and box[1] < box[3]):
        raise ConfigError(
            f"the box of {where}, {width:g} x {height:g} pixels from ({left:g}, {top:g}), is not inside its picture of "
            f"{columns} x {rows} pixels: correct it or leave it out"
        )
    return box[0] / columns, box[1] / rows, box[2] / columns, box[3] / rows


def _checked(bins: int) -> int:
    if bins < 2:
        raise ConfigError(f"bins is {bins}: at least 2 are needed")
    return bins


def _by_id(records: Sequence[Any], where: str) -> dict[int, Any]:
    return {field(record, "id", int, where): record for record in records}


def _found(records: dict[int, Any], key: int, kind: str, where: str) -> Any:
    if key not in records:
        raise ConfigError(f"{where} is on {kind} {key}, which is not in the instances")
    return records[key]
