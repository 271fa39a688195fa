"""Data whose pictures are scenes."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from random import Random

from PIL.Image import Image

from rsoup_lightning.errors import ConfigError, PictureError, check_at_least_one
from rsoup_lightning.modalities.data import Item, PictureData, Split
from tasks.emoji.packaged import Emoji
from tasks.emoji.scenes import Scene, draw_scene, share_name
from tasks.emoji.simple import simple_emojis


class SceneData(PictureData):
    """One item per scene. Each scene for evaluation shows at least one emoji that no scene for training shows or names.

    A scene depends on its split, its number, the seed, ``canvas`` and ``held_out`` alone, not on how many there are.

    Args:
        train_size: number of scenes for training.
        eval_size: number of scenes for evaluation.
        canvas: width and height of a scene in pixels.
        held_out: number of emoji, of about 470, that only scenes for evaluation show; others that share a name with
            one of them are left out of training too.
        seed: which scenes.

    Raises:
        ConfigError: a size below one, or a canvas of less than 32 pixels, where small emoji are not to be recognised.
    """

    def __init__(
        self, train_size: int = 10_000, eval_size: int = 200, canvas: int = 64, held_out: int = 50, seed: int = 0
    ) -> None:
        check_at_least_one(train_size=train_size, eval_size=eval_size, held_out=held_out)
        if canvas < 32:
            raise ConfigError(f"canvas is {canvas}: a scene needs at least 32 pixels")
        self.sizes: dict[Split, int] = {"train": train_size, "eval": eval_size}
        self.canvas = canvas
        self.held_out = held_out
        self.seed = seed

    @abstractmethod
    def ask(self, picture: str, scene: Scene, pool: tuple[Emoji, ...], random: Random) -> Item:
        """An item on a scene.

        Args:
            picture: its name.
            scene: what it shows.
            pool: emoji that may be named.
            random: where all chance comes from.
        """

    def items(self, split: Split) -> tuple[Item, ...]:
        return self._train if split == "train" else self._eval

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
        return draw_scene(
            Random(f"{self.seed}/{name}/scene"),
            self._pools[split],
            self._pools["eval"][: self.held_out] if split == "eval" else (),
            self.canvas,
        )

    @cached_property
    def _train(self) -> tuple[Item, ...]:
        return self._items("train")

    @cached_property
    def _eval(self) -> tuple[Item, ...]:
        return self._items("eval")

    def _items(self, split: Split) -> tuple[Item, ...]:
        names = [f"{split}/{index}" for index in range(self.sizes[split])]
        return tuple(
            self.ask(name, self.scene(name), self._pools[split], Random(f"{self.seed}/{name}/question"))
            for name in names
        )

    @cached_property
    def _pools(self) -> dict[str, tuple[Emoji, ...]]:
        everything = simple_emojis()
        novel = everything[: self.held_out]
        train = tuple(emoji for emoji in everything if not any(share_name(emoji, other) for other in novel))
        # of fewer, four that share no name might not be found
        if len(train) < 20:
            raise ConfigError(
                f"held_out takes {self.held_out} of {len(everything)} emoji: leave at least 20 for training"
            )
        return {"train": train, "eval": everything}
