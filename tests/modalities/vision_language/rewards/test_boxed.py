from __future__ import annotations

from typing import Any

import pytest

from rsoup_lightning.errors import RewardError
from rsoup_lightning.modalities.data import Box, Item
from rsoup_lightning.modalities.vision_language.boxes import with_room
from rsoup_lightning.modalities.vision_language.rewards import BoxHit, BoxReward, IdealRoom
from tests.modalities.vision_language.rewards.said import rollout
from tests.modalities.vision_language.tiny import Given

SMALL, MEDIUM, LARGE = (0.0, 0.0, 0.25, 0.125), (0.0, 0.0, 0.25, 0.25), (0.0, 0.0, 0.5, 1.0)


def hits(answers: dict[str, Box], **settings: Any) -> list[float]:
    reward = BoxHit(**settings)
    made = rollout(*answers, boxes=list(answers.values()))
    assert reward.inputs(made) == list(answers)
    return reward(made).tolist()


def test_a_box_counts_where_it_overlaps_by_more_than_the_threshold() -> None:
    answers = dict.fromkeys(["0 0 15 31", "0 0 31 31", "0 0 7 31", "16 0 31 31", "a box", ""], LARGE)
    assert hits(answers) == [1, 0, 0, 0, 0, 0]
    assert hits(answers, threshold=0.4) == [1, 1, 1, 0, 0, 0]
    assert hits({"0 0 31 63": LARGE}) == [0]
    finer, data = BoxHit(), Given()
    data.bins = 64
    finer.prepare(data)
    assert finer(rollout("0 0 31 63", boxes=[LARGE])).tolist() == [1]


def test_boxes_of_other_sizes_count_nothing() -> None:
    answers = {"0 0 7 3": SMALL, "0 0 7 7": MEDIUM, "0 0 15 31": LARGE}
    assert hits(answers) == [1, 1, 1]
    assert hits(answers, size="small") == [1, 0, 0]
    assert hits(answers, size="medium") == [0, 1, 0]
    assert hits(answers, size="large") == [0, 0, 1]
    assert hits(answers, size="large", medium=0.01, large=0.05) == [0, 1, 1]


@pytest.mark.parametrize("kind", [BoxHit, IdealRoom])
def test_data_without_boxes(kind: type[BoxReward]) -> None:
    with pytest.raises(RewardError, match=f"{kind.__name__} needs a box for every item"):
        kind()(rollout("0 0 1 1"))
    items = [Item("one", question="the cat", box=(0.0, 0.0, 0.5, 0.5)), Item("two", question="the dog")]
    with pytest.raises(RewardError, match=rf"two \(the dog\) has no box, and {kind.__name__} needs one"):
        kind().prepare(Given(items))


def test_a_box_is_worth_how_near_each_side_is_to_its_ideal_room() -> None:
    wanted = (0.25, 0.375, 0.5, 0.625)
    rooms = {"none": 0.0, "a quarter": 0.25, "half": 0.5, "out of reach": 0.75}
    boxes = {name: with_room(wanted, *[room] * 4) for name, room in rooms.items()}
    tight, roomy = IdealRoom(), IdealRoom(room=0.5)
    assert [tight.rate(box, wanted) for box in boxes.values()] == [1, 0.75, 0, 0]
    assert [roomy.rate(box, wanted) for box in boxes.values()] == [0, 0.75, 1, 0.75]
    assert tight.rate(with_room(wanted, 0, 0.5, 0, 0), wanted) == 0.75
    assert tight.rate(with_room(wanted, 0, 0.51, 0, 0), wanted) == 0
    assert tight.rate(with_room(wanted, -0.25, 0.25, 0, 0), wanted) == 0.875
    assert IdealRoom(reach=0.25).rate(with_room(wanted, 0.125, 0, 0, 0), wanted) == 0.9375


def test_room_ends_with_the_picture() -> None:
    assert IdealRoom(room=0.5).rate((0.0, 0.0, 0.75, 1.0), LARGE) == 1
    assert IdealRoom(room=0.5).rate((0.0, 0.0, 0.75, 0.75), LARGE) == 1 - 0.25 / 4


def test_answers_are_read_as_boxes() -> None:
    reward, data = IdealRoom(), Given()
    data.bins = 4
    reward.prepare(data)
    wanted = (0.125, 0.125, 0.875, 0.625)
    assert reward(rollout("0 0 3 2", "no box", "", boxes=[wanted] * 3)).tolist() == [1, 0, 0]
