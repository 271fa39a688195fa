"""Data whose pictures are scenes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from random import Random

from PIL.Image import Image

from rsoup_lightning.errors import ConfigError, PictureError, check_at_least_one
from rsoup_lightning.modalities.data import Item, PictureData, Split, check_sizes
from tasks.emoji.packaged import Emoji
from tasks.emoji.scenes import MOST_THINGS, Scene, draw_scene, share_name
from tasks.emoji.simple import simple_emojis


class SceneData(PictureData):
    """One item per scene. Where emoji are held out, each scene for evaluation shows at least one that no scene for
    training shows or names, and each for development one that neither does.

    A scene depends on its split, its number, the seed, ``canvas``, ``kinds``, ``most_things`` and ``held_out`` alone,
    not on how many there are. But where emoji are held out, training has other scenes with any for development than
    with none: what these show is left out of it.

    Args:
        train_size: number of scenes for training.
        eval_size: number of scenes for evaluation.
        dev_size: number of scenes to choose settings by; 0: none.
        canvas: width and height of a scene in pixels.
        held_out: number of emoji that only scenes for evaluation show, and as many others only scenes for development,
            if there are any; what shares a name with one of them is left out of training too. With 0, what is new in
            evaluation is the scene alone.
        kinds: number of different emoji in all scenes; null: all that there are, about 470.
        most_things: of a scene: 1 to 4.
        seed: which scenes.

    Raises:
        ConfigError: a size below one, more things than fit, or a canvas of less than 32 pixels, where small emoji are
            not to be recognised.
    """

    def __init__(
        self,
        train_size: int = 10_000,
        eval_size: int = 200,
        dev_size: int = 0,
        canvas: int = 64,
        held_out: int = 50,
        kinds: int | None = None,
        most_things: int = MOST_THINGS,
        seed: int = 0,
    ) -> None:
        check_sizes(eval_size, dev_size, train_size)
        check_at_least_one(kinds=kinds)
        if held_out < 0:
            raise ConfigError(f"held_out is {held_out}: it must be at least 0")
        if not 1 <= most_things <= MOST_THINGS:
            raise ConfigError(f"most_things is {most_things}: scenes show 1 to {MOST_THINGS}")
        if canvas < 32:
            raise ConfigError(f"canvas is {canvas}: a scene needs at least 32 pixels")
        self.sizes: dict[Split, int] = {"train": train_size, "dev": dev_size, "eval": eval_size}
        self.canvas = canvas
        self.held_out = held_out
        self.kinds = kinds
        self.most_things = most_things
        self.seed = seed
        self._asked: dict[Split, tuple[Item, ...]] = {}

    @abstractmethod
    def ask(self, picture: str, scene: Scene, random: Random) -> Item:
        """An item on a scene.

        Args:
            picture: its name.
            scene: what it shows.
            random: where all chance comes from.
        """

    def items(self, split: Split) -> tuple[Item, ...]:
        if split not in self._asked:
            self._asked[split] = tuple(self._item(split, number) for number in range(self.sizes[split]))
        return self._asked[split]

    def picture(self, name: str) -> Image:
        return self.scene(name).draw()

    def scene(self, name: str) -> Scene:
        """What the picture of that name shows.

        Raises:
            PictureError: no such picture.
        """
        split, _, number = name.partition("/")
        if split not in self.sizes or not number.isdecimal():
            raise PictureError(f"there is no picture {name!r}: names are such as train/0")
        pools, random = self._pools, Random(f"{self.seed}/{name}/scene")
        return draw_scene(random, pools.shown[split], pools.novel[split], self.canvas, self.most_things)

    def _item(self, split: Split, number: int) -> Item:
        name = f"{split}/{number}"
        return self.ask(name, self.scene(name), Random(f"{self.seed}/{name}/question"))

    @cached_property
    def _pools(self) -> Pools:
        everything = simple_emojis()[: self.kinds]
        held_out = everything[: self.held_out]
        dev = _without(everything, held_out)
        apart = dev[: self.held_out] if self.sizes["dev"] else ()
        train = _without(dev, apart)
        # of fewer, four that share no name might not be found
        if len(train) < 20:
            kept = f"the {len(everything)} emoji that kinds keeps" if self.kinds else f"{len(everything)} emoji"
            raise ConfigError(
                f"held_out takes {len(everything) - len(train)} of {kept}: leave at least 20 for training"
            )
        return Pools({"train": train, "dev": dev, "eval": everything}, {"train": (), "dev": apart, "eval": held_out})


@dataclass(frozen=True)
class Pools:
    """The emoji of each split.

    Attributes:
        shown: those that scenes show and questions name.
        novel: those of which a scene shows at least one.
    """

    shown: dict[Split, tuple[Emoji, ...]]
    novel: dict[Split, tuple[Emoji, ...]]


def _without(pool: tuple[Emoji, ...], others: tuple[Emoji, ...]) -> tuple[Emoji, ...]:
    """Those that share no name with any of the others."""
    return tuple(emoji for emoji in pool if not any(share_name(emoji, other) for other in others))
