"""Scenes: a few emoji side by side on a plain background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from random import Random

from PIL import Image

from rsoup_lightning.modalities.data import Box
from tasks.emoji.packaged import LOOKS, Emoji, Look, emoji_picture
from tasks.emoji.simple import visible_part

BACKGROUNDS = {
    "white": (255, 255, 255),
    "grey": (176, 176, 176),
    "pink": (255, 190, 210),
    "yellow": (255, 236, 140),
    "green": (170, 225, 165),
    "blue": (160, 200, 250),
}
"""Red, green and blue of each colour, from 0 to 255; pale, so that most emoji stand out."""

SIZES = ((10 / 64, 14 / 64), (18 / 64, 24 / 64), (28 / 64, 36 / 64))
"""Small, medium and large: the smallest and the largest root of width times height, as a share of the canvas."""

MOST_THINGS = 4
REPEATED = 0.25
"""How often a scene of several things shows one of them twice."""

_ATTEMPTS = 20


@dataclass(frozen=True)
class Thing:
    """An emoji in a scene: what is visible of it fills the pixels from left and top up to right and bottom."""

    emoji: Emoji
    look: Look
    left: int
    top: int
    right: int
    bottom: int

    @property
    def middle(self) -> tuple[float, float]:
        """Its middle, in pixels from the left and from the top."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def area(self) -> int:
        """The pixels of its rectangle."""
        return (self.right - self.left) * (self.bottom - self.top)

    def apart(self, other: Thing) -> bool:
        """Whether at least one pixel is between the rectangles of two things."""
        across = self.left > other.right or other.left > self.right
        return across or self.top > other.bottom or other.top > self.bottom


@dataclass(frozen=True)
class Scene:
    """What is to be drawn.

    Attributes:
        background: one of :data:`BACKGROUNDS`.
        things: one to four, apart from each other; of one emoji there are at most two.
        canvas: pixels per side.
    """

    background: str
    things: tuple[Thing, ...]
    canvas: int = 64

    def box(self, thing: Thing) -> Box:
        """Where a thing is, as fractions of the canvas."""
        side = self.canvas
        return thing.left / side, thing.top / side, thing.right / side, thing.bottom / side

    def draw(self) -> Image.Image:
        """The picture, in RGB."""
        picture = Image.new("RGB", (self.canvas, self.canvas), BACKGROUNDS[self.background])
        for thing in self.things:
            stamp = _stamp(thing.emoji, thing.look, thing.right - thing.left, thing.bottom - thing.top)
            picture.paste(stamp, (thing.left, thing.top), stamp)
        return picture


def draw_scene(
    random: Random, pool: Sequence[Emoji], novel: Sequence[Emoji] = (), canvas: int = 64, most: int = MOST_THINGS
) -> Scene:
    """A random scene.

    Args:
        random: where all chance comes from.
        pool: emoji to show; no two that share a name are in one scene.
        novel: where there are any, at least one of these is shown.
        canvas: pixels per side.
        most: things in a scene.
    """
    background = random.choice(tuple(BACKGROUNDS))
    shown = [random.choice(novel)] if novel else []
    count = random.randint(1, most)
    repeat = count > 1 and random.random() < REPEATED
    while len(shown) < count - repeat:
        emoji = random.choice(pool)
        if not any(share_name(emoji, other) for other in shown):
            shown.append(emoji)
    if repeat:
        shown.append(random.choice(shown))
    looks = [random.choice(tuple(LOOKS)) for _ in shown]
    while True:
        # sizes that do not fit together are drawn anew, so that neither number nor choice of emoji depend on them
        sizes = [random.uniform(*random.choice(SIZES)) * canvas for _ in shown]
        things = _arranged(random, [*zip(shown, looks, sizes, strict=True)], canvas)
        if things is not None:
            return Scene(background, things, canvas)


def share_name(one: Emoji, other: Emoji) -> bool:
    """Whether some name may mean either: a dog's face is called dog too."""
    return not set(one.names).isdisjoint(other.names)


def _arranged(random: Random, wanted: Sequence[tuple[Emoji, Look, float]], canvas: int) -> tuple[Thing, ...] | None:
    things: list[Thing] = []
    for emoji, look, size in sorted(wanted, key=lambda thing: -thing[2]):
        left, top, right, bottom = visible_part(emoji, look)
        stretch = sqrt((right - left) / (bottom - top))
        width, height = min(round(size * stretch), canvas), min(round(size / stretch), canvas)
        for _ in range(_ATTEMPTS):
            x, y = random.randint(0, canvas - width), random.randint(0, canvas - height)
            thing = Thing(emoji, look, x, y, x + width, y + height)
            if all(thing.apart(other) for other in things):
                things.append(thing)
                break
        else:
            return None
    return tuple(things)


@lru_cache(maxsize=20_000)
def _stamp(emoji: Emoji, look: Look, width: int, height: int) -> Image.Image:
    part = emoji_picture(emoji.code, look).crop(visible_part(emoji, look))
    return part.resize((width, height), Image.Resampling.LANCZOS)
