"""Soups that describe: each row as its policy alone, in evaluation, describes it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rsoup_lightning import Soup
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging import linear
from tests.modalities.vision_language.tiny import Squares, environment, policy, stirred

DATA = Squares()
ITEMS = DATA.items("eval")
PICTURES, QUESTIONS = [DATA.picture(item.picture) for item in ITEMS], [item.question for item in ITEMS]
POINTS = [{"first": 1.0}, {"first": 0.4, "second": 0.6}, {"second": 1.0}]


def soup(train_encoder: bool) -> tuple[Soup, Any]:
    base, experts = policy(DATA, train_encoder=train_encoder), {}
    start = {name: weight.clone() for name, weight in base.weights().items()}
    for seed, name in ((3, "first"), (4, "second")):
        base.load_weights(start)
        experts[name] = {key: weight.clone() for key, weight in stirred(base, seed).weights().items()}
    return Soup(base, experts, environment(DATA, base)), experts


@pytest.mark.parametrize("train_encoder", [False, True])
def test_a_soup_describes_as_it_is_evaluated(train_encoder: bool) -> None:
    made, experts = soup(train_encoder)
    alone = policy(DATA, train_encoder=train_encoder)
    said = set()
    for point in POINTS:
        weights = [point.get(name, 0.0) for name in experts]
        alone.load_weights(linear(list(experts.values()), weights))
        expected = environment(DATA, alone).evaluate(alone, torch.arange(len(ITEMS))).texts["answer"]
        assert made.at(point).describe(PICTURES, QUESTIONS) == expected
        said.add(tuple(expected))
    assert len(said) == 3


def test_a_row_does_not_depend_on_what_is_beside_it() -> None:
    made, points = soup(False)[0], [POINTS[row % 3] for row in (0, 1, 2, 1, 0, 0)]
    together = made.at(points).describe(PICTURES, QUESTIONS)
    rows = zip(points, PICTURES, QUESTIONS, strict=True)
    assert together == [made.at(point).describe([picture], [asked])[0] for point, picture, asked in rows]
    captions = made.at(POINTS[0]).describe(PICTURES)
    assert captions == made.at(POINTS[0]).describe(PICTURES, [""] * len(PICTURES))


def test_requests_that_cannot_be_answered() -> None:
    player = soup(False)[0].at(first=1)
    for given in (PICTURES[0], ["red.png"]):
        with pytest.raises(ConfigError, match="pictures must be a list of Pillow's images, not"):
            player.describe(given)
    with pytest.raises(ConfigError, match="1 questions for 6 rows: give one for each"):
        player.describe(PICTURES, ["which?"])
    with pytest.raises(
        ConfigError, match=r"the question 'what is what is .* leaves no room: the model reads 10 tokens"
    ):
        player.describe(PICTURES[:1], ["what is " * 6])
