"""Splits of items on pictures of a folder."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b

from PIL.Image import Image

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.data import Item, PictureData, Split, check_sizes
from rsoup_lightning.modalities.pictures import in_rgb
from tasks.pictures.files import read_picture


class PictureFolder(PictureData):
    """Items on pictures of a folder, with splits as the annotations define them.

    Items stand in the order of a hash of their picture and question: shuffled, yet the same on every machine, so that
    the first few are a sample of all.

    Args:
        images: the folder that the pictures' names start in.
        eval_size: at most so many items for evaluation; null takes all.
        dev_size: number of items for training to choose settings by instead; neither they nor others on their pictures
            are trained on.
        train_size: at most so many items for training; null takes all.

    Raises:
        ConfigError: a size below one.
    """

    def __init__(
        self, images: str, eval_size: int | None = None, dev_size: int = 0, train_size: int | None = None
    ) -> None:
        check_sizes(eval_size, dev_size, train_size)
        self.images = user_path(images)
        self.eval_size = eval_size
        self.dev_size = dev_size
        self.train_size = train_size

    @abstractmethod
    def load(self) -> Mapping[Split, Iterable[Item]]:
        """All items to train on, from which those for development are taken, and to evaluate on, in any order."""

    def items(self, split: Split) -> tuple[Item, ...]:
        return self._splits[split]

    def picture(self, name: str) -> Image:
        return in_rgb(read_picture(self.images / name))

    @cached_property
    def _splits(self) -> dict[Split, tuple[Item, ...]]:
        ordered = {split: sorted(items, key=_key) for split, items in self.load().items()}
        for split, items in ordered.items():
            if not items:
                raise ConfigError(f"{type(self).__name__} found no items for {split}: check the files it is given")
        shared = {item.picture for item in ordered["train"]} & {item.picture for item in ordered["eval"]}
        if shared:
            raise ConfigError(f"picture {min(shared)} is in both splits: evaluate on pictures that are not trained on")
        held_out = ordered["eval"][: self.eval_size]
        end = len(ordered["train"]) - self.dev_size
        dev = ordered["train"][max(end, 0) :]
        apart = {item.picture for item in dev}
        train = [item for item in ordered["train"][: max(end, 0)] if item.picture not in apart]
        if not train:
            raise ConfigError(f"{type(self).__name__}: dev_size takes {self.dev_size} of {len(ordered['train'])} items")
        return {"train": tuple(train[: self.train_size]), "dev": tuple(dev), "eval": tuple(held_out)}


def check_disjoint(train_splits: Sequence[str], eval_splits: Sequence[str]) -> None:
    """Checks that nothing is trained on and evaluated on.

    Raises:
        ConfigError: a name is in both, or there are no names.
    """
    if not train_splits or not eval_splits:
        raise ConfigError("train_splits and eval_splits need at least one name each")
    both = sorted(set(train_splits) & set(eval_splits))
    if both:
        raise ConfigError(f"split {both[0]} is in train_splits and in eval_splits: keep it in one of them")


def _key(item: Item) -> bytes:
    return blake2b(f"{item.picture}\n{item.question}".encode(), digest_size=16).digest()
