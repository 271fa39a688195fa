"""Emoji and their names: what a captioner says of a picture, and a text-to-image model draws for a name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from PIL import ImageColor
from PIL.Image import Image

from rsoup_lightning.errors import ConfigError, PictureError
from rsoup_lightning.modalities.data import Item, PictureData, Split, check_sizes, cut
from rsoup_lightning.modalities.pictures import in_rgb
from tasks.emoji.packaged import Emoji, Look, emoji_picture, emojis


class EmojiNames(PictureData):
    """Emoji on a plain background, 72 x 72 pixels; the references are their English names.

    Each emoji is in one split only, in all of its designs.

    Args:
        looks: whose designs: google, twitter, or both; each gives a picture per emoji.
        containing: keep those only whose name contains one of these, such as face or heart; null keeps all.
        skin_tones: keep the five variants of people and hands whose names say their skin tone too, about half of all.
        background: the colour behind them, by name or hexadecimal digits as Pillow reads them.
        eval_size: number of emoji for evaluation.
        dev_size: number of emoji to choose settings by, which are not trained on; 0: none.
        train_size: at most so many emoji for training; null takes all that remain.

    Raises:
        ConfigError: no looks, nothing to contain, no such colour, or a size below one.
    """

    def __init__(
        self,
        looks: Sequence[Look] = ("google", "twitter"),
        containing: Sequence[str] | None = None,
        skin_tones: bool = False,
        background: str = "white",
        eval_size: int = 200,
        dev_size: int = 0,
        train_size: int | None = None,
    ) -> None:
        check_sizes(eval_size, dev_size, train_size)
        if not looks:
            raise ConfigError("looks is empty: give google, twitter, or both")
        if containing is not None and not containing:
            raise ConfigError("containing is empty: give parts of names such as face, or null for all emoji")
        try:
            ImageColor.getrgb(background)
        except ValueError as error:
            raise ConfigError(
                f"background {background!r} is not a colour: give a name or digits such as '#ffeecc'"
            ) from error
        self.looks = tuple(looks)
        self.containing = None if containing is None else tuple(containing)
        self.skin_tones = skin_tones
        self.background = background
        self.eval_size = eval_size
        self.dev_size = dev_size
        self.train_size = train_size

    def items(self, split: Split) -> tuple[Item, ...]:
        return self._splits[split]

    def picture(self, name: str) -> Image:
        look, _, code = name.partition("/")
        if look not in self.looks:
            raise PictureError(f"there is no picture {name!r}: names are such as {self.looks[0]}/U+1F600")
        return in_rgb(emoji_picture(code, look), self.background)

    @cached_property
    def _splits(self) -> dict[Split, tuple[Item, ...]]:
        chosen, owner = [emoji for emoji in emojis() if self._is_wanted(emoji)], type(self).__name__
        for part in self.containing or ():
            if not any(part in emoji.name for emoji in chosen):
                raise ConfigError(f"containing holds {part!r}, which is in no emoji's name: write it as Unicode does")
        if self.containing is not None:
            owner += f" containing {', '.join(self.containing)}"
        splits = cut(chosen, owner, self.eval_size, self.dev_size, self.train_size)
        return {split: self._named(emoji) for split, emoji in splits.items()}

    def _is_wanted(self, emoji: Emoji) -> bool:
        named = self.containing is None or any(part in emoji.name for part in self.containing)
        return named and (self.skin_tones or not emoji.has_skin_tone)

    def _named(self, chosen: Sequence[Emoji]) -> tuple[Item, ...]:
        return tuple(Item(f"{look}/{emoji.code}", emoji.names) for emoji in chosen for look in self.looks)
