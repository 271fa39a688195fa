"""How an emoji looks, in words: its shape and its colours, counted from its picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi

import numpy as np
from PIL.Image import Image

from tasks.emoji.packaged import Emoji, Look, emoji_picture
from tasks.emoji.simple import visible_part

HUES = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "red")
ENDS = np.array([14, 40, 65, 170, 255, 295, 345])
"""Hues, and the degrees of the colour wheel at which each ends and the next begins."""

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "grey", "white")

MOST = 0.75
SOME = 0.125
"""Shares of what is visible: a colour with so much of it is named alone, and a second one from so much on."""

ELONGATED = 1.3
"""Sides of the visible part: if one is so many times the other, the thing is wide or tall."""

FULL = (pi / 4 + 1) / 2
ROUND = 0.62
"""Shares of the rectangle around a thing that it fills: a square one from FULL on, a round one from ROUND on."""


@dataclass(frozen=True)
class Appearance:
    """What can be seen of a thing that is not known.

    Attributes:
        shape: wide, tall, square, round or jagged.
        colours: one or two, that of the larger part first.
    """

    shape: str
    colours: tuple[str, ...]

    def phrase(self, thing: str) -> str:
        """How a thing looks.

        >>> Appearance("round", ("red", "white")).phrase("thing")
        'a round red thing with white'
        """
        first, *others = self.colours
        return " ".join([f"a {self.shape} {first} {thing}", *(f"with {colour}" for colour in others)])


@lru_cache(maxsize=20_000)
def appearance(emoji: Emoji, look: Look) -> Appearance:
    """How an emoji looks in a design.

    Raises:
        ConfigError: the package is not installed.
    """
    part = emoji_picture(emoji.code, look).crop(visible_part(emoji, look))
    seen = np.asarray(part.getchannel("A")) > 127
    shares = np.bincount(_colours(part)[seen], minlength=len(COLOURS)) / max(seen.sum(), 1)
    first, second = np.argsort(-shares, kind="stable")[:2].tolist()
    two = shares[first] < MOST and shares[second] >= SOME
    return Appearance(_shape(*part.size, seen.mean()), tuple(COLOURS[one] for one in ([first, second][: 1 + two])))


def _colours(picture: Image) -> np.ndarray:
    """Which of :data:`COLOURS` each pixel has, ``[height, width]``."""
    hue, saturation, value = np.moveaxis(np.asarray(picture.convert("RGB").convert("HSV"), dtype=float), -1, 0) / 255
    number = {name: place for place, name in enumerate(COLOURS)}
    named = np.array([number[name] for name in HUES])[np.searchsorted(ENDS, hue * 360, side="right")]
    warm = (hue * 360 < ENDS[1]) | (hue * 360 >= ENDS[-1])
    named = np.where(warm & (value < 0.68) & (saturation < 0.85), number["brown"], named)
    grey = np.select(
        [value < 0.38, value < 0.82], [COLOURS.index("black"), COLOURS.index("grey")], COLOURS.index("white")
    )
    return np.where((saturation < 0.2) | (value < 0.25) | ((saturation < 0.4) & (value < 0.5)), grey, named)


def _shape(width: int, height: int, filled: float) -> str:
    if width >= ELONGATED * height:
        return "wide"
    if height >= ELONGATED * width:
        return "tall"
    if filled >= FULL:
        return "square"
    return "round" if filled >= ROUND else "jagged"
