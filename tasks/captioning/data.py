"""Photographs and their captions, in the format of Karpathy's splits of COCO."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.data import Item, Split
from tasks.pictures.files import field, of_splits, read_annotations
from tasks.pictures.split import PictureFolder, check_disjoint


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
        **sizes: as of PictureFolder.

    Raises:
        ConfigError: a size below one, or a split in both.
    """

    def __init__(
        self,
        annotations: str,
        images: str,
        train_splits: Sequence[str] = ("train", "restval"),
        eval_splits: Sequence[str] = ("test",),
        **sizes: Any,
    ) -> None:
        super().__init__(images, **sizes)
        check_disjoint(train_splits, eval_splits)
        self.annotations = user_path(annotations)
        self.names: dict[Split, tuple[str, ...]] = {"train": tuple(train_splits), "eval": tuple(eval_splits)}

    def load(self) -> dict[Split, Iterator[Item]]:
        records = field(read_annotations(self.annotations), "images", list, self.annotations)
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
