"""Pictures and their captions: emoji and their names, or photographs in the format of Karpathy's splits of COCO."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import ImageColor
from PIL.Image import Image

from rsoup_lightning.errors import ConfigError, PictureError
from rsoup_lightning.modalities.vision_language.items import Item, PictureData, Split
from tasks.emoji.packaged import Emoji, Look, emoji_picture, emojis
from tasks.pictures.files import field, of_splits, on_background, read_json
from tasks.pictures.split import PictureFolder, check_apart, check_sizes


class EmojiNames(PictureData):
    """Emoji on a plain background, 72 x 72 pixels; the references are their English names.

    Each emoji is in one split only, in all of its designs.

    Args:
        looks: whose designs: google, twitter, or both; each gives a picture per emoji.
        skin_tones: keep the five variants of people and hands whose names say their skin tone too, about half of all.
        background: the colour behind them, by name or hexadecimal digits as Pillow reads them.
        eval_size: number of emoji for evaluation.
        train_size: at most so many emoji for training; null takes all that remain.

    Raises:
        ConfigError: no looks, no such colour, or a size below one.
    """

    def __init__(
        self,
        looks: Sequence[Look] = ("google", "twitter"),
        skin_tones: bool = True,
        background: str = "white",
        eval_size: int = 200,
        train_size: int | None = None,
    ) -> None:
        check_sizes(eval_size=eval_size, train_size=train_size)
        if not looks:
            raise ConfigError("looks is empty: give google, twitter, or both")
        try:
            ImageColor.getrgb(background)
        except ValueError as error:
            raise ConfigError(
                f"background {background!r} is no colour: give a name or digits such as '#ffeecc'"
            ) from error
        self.looks = tuple(looks)
        self.skin_tones = skin_tones
        self.background = background
        self.eval_size = eval_size
        self.train_size = train_size

    def items(self, split: Split) -> tuple[Item, ...]:
        return self._splits[split]

    def picture(self, name: str) -> Image:
        look, _, code = name.partition("/")
        if look not in self.looks:
            raise PictureError(f"there is no picture {name!r}: names are such as {self.looks[0]}/U+1F600")
        return on_background(emoji_picture(code, look), self.background)

    @cached_property
    def _splits(self) -> dict[Split, tuple[Item, ...]]:
        chosen = [emoji for emoji in emojis() if self.skin_tones or not emoji.has_skin_tone]
        if len(chosen) <= self.eval_size:
            raise ConfigError(
                f"there are {len(chosen)} emoji, of which eval_size takes {self.eval_size}: none are left for training"
            )
        train = chosen[self.eval_size :][: self.train_size]
        return {"train": self._named(train), "eval": self._named(chosen[: self.eval_size])}

    def _named(self, chosen: Sequence[Emoji]) -> tuple[Item, ...]:
        return tuple(Item(f"{look}/{emoji.code}", emoji.names) for emoji in chosen for look in self.looks)


class KarpathyCaptions(PictureFolder):
    """Photographs and five captions each, from a file in the format of Karpathy's ``dataset_coco.json``.

    Karpathy and Fei-Fei, "Deep visual-semantic alignments for generating image descriptions" (2015): 113,287 pictures
    of COCO 2014 for training (splits train and restval), 5,000 each for val and test.

    Args:
        annotations: the file; its images have filename, split, sentences with raw and, where pictures lie in several
            folders, filepath.
        images: the folder that holds the pictures, or their folders train2014 and val2014.
        train_splits: the file's splits to train on.
        eval_splits: the file's splits to evaluate on.
        eval_size: at most so many pictures for evaluation; null takes all.
        train_size: at most so many pictures for training; null takes all.

    Raises:
        ConfigError: a size below one, or a split in both.
    """

    def __init__(
        self,
        annotations: str,
        images: str,
        train_splits: Sequence[str] = ("train", "restval"),
        eval_splits: Sequence[str] = ("test",),
        eval_size: int | None = None,
        train_size: int | None = None,
    ) -> None:
        super().__init__(images, eval_size, train_size)
        check_apart(train_splits, eval_splits)
        self.annotations = Path(annotations)
        self.names: dict[Split, tuple[str, ...]] = {"train": tuple(train_splits), "eval": tuple(eval_splits)}

    def load(self) -> dict[Split, Iterator[Item]]:
        records = field(read_json(self.annotations), "images", list, self.annotations)
        return {
            split: map(self._item, of_splits(records, names, self.annotations)) for split, names in self.names.items()
        }

    def _item(self, record: dict[str, Any]) -> Item:
        where = f"an image of {self.annotations}"
        name = field(record, "filename", str, where)
        if "filepath" in record:
            name = f"{field(record, 'filepath', str, where)}/{name}"
        where = f"image {name} of {self.annotations}"
        sentences = field(record, "sentences", list, where)
        captions = [field(sentence, "raw", str, f"a sentence of {where}").strip() for sentence in sentences]
        references = tuple(dict.fromkeys(caption for caption in captions if caption))
        if not references:
            raise ConfigError(f"{where} has no caption: give it one or leave it out")
        return Item(name, references)
