from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from PIL import Image

from rsoup_lightning.errors import ConfigError, PictureError
from rsoup_lightning.modalities.data import Item, Split
from tasks.pictures.split import PictureFolder, check_disjoint


class Numbered(PictureFolder):
    def __init__(self, train: Sequence[int], held_out: Sequence[int], images: str = ".", **sizes: int) -> None:
        super().__init__(images, **sizes)
        self.numbers: dict[Split, Sequence[int]] = {"train": train, "eval": held_out}

    def load(self) -> Mapping[Split, list[Item]]:
        return {split: [Item(f"{number}.png") for number in numbers] for split, numbers in self.numbers.items()}


def test_a_fixed_shuffled_order_whatever_it_is_read_in() -> None:
    data = Numbered(range(20), range(20, 25))
    assert {item.picture for item in data.items("train")} == {f"{number}.png" for number in range(20)}
    assert data.items("train") == Numbered(range(19, -1, -1), range(20, 25)).items("train")
    assert [item.picture for item in data.items("train")] != [f"{number}.png" for number in range(20)]


def test_sizes_cut_the_end_off() -> None:
    whole, part = Numbered(range(20), range(20, 25)), Numbered(range(20), range(20, 25), train_size=4, eval_size=2)
    assert part.items("train") == whole.items("train")[:4]
    assert part.items("eval") == whole.items("eval")[:2]


def test_pictures_for_development_are_not_trained_on() -> None:
    class Twice(Numbered):
        """Each picture has two questions."""

        def load(self) -> Mapping[Split, list[Item]]:
            loaded = super().load().items()
            return {split: [Item(i.picture, (), ask) for i in items for ask in ("a?", "b?")] for split, items in loaded}

    data = Twice(range(20), range(20, 25), dev_size=6)
    apart, trained = ({item.picture for item in data.items(split)} for split in ("dev", "train"))
    assert len(data.items("dev")) == 6 and not apart & trained and apart | trained == {f"{i}.png" for i in range(20)}
    with pytest.raises(ConfigError, match="dev_size takes 39 of 40"):
        Twice(range(20), [20], dev_size=39).items("dev")


def test_splits_that_are_empty_or_share_a_picture() -> None:
    with pytest.raises(ConfigError, match="Numbered found no items for eval"):
        Numbered(range(3), []).items("eval")
    with pytest.raises(ConfigError, match=r"picture 2\.png is in both splits"):
        Numbered(range(3), range(2, 5)).items("train")
    with pytest.raises(ConfigError, match="eval_size is 0"):
        Numbered(range(3), [3], eval_size=0)
    with pytest.raises(ConfigError, match="split val is in train_splits and in eval_splits"):
        check_disjoint(["train", "val"], ["val"])
    with pytest.raises(ConfigError, match="at least one name"):
        check_disjoint(["train"], [])


def test_pictures(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "0.png")
    data = Numbered([0], [1], str(tmp_path))
    picture = data.picture("0.png")
    assert (picture.mode, picture.getpixel((0, 0))) == ("RGB", (255, 255, 255))
    with pytest.raises(PictureError, match=r"1\.png cannot be read"):
        data.picture("1.png")
