"""Soups that write: each row as its policy alone, in evaluation, writes it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rsoup_lightning import Soup
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging import linear, per_row
from rsoup_lightning.modalities.data import Entry, PromptData, Split
from rsoup_lightning.modalities.data_environment import EVALUATION_SEED
from rsoup_lightning.modalities.language import TextEnvironment
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from tests.modalities.language.test_policy import policy
from tests.modalities.language.tiny import llama, tokenizer

PROMPTS = ["the cat", "a", "the big red dog sat on", "and the mat", "a road", "on"]
POINTS = [{"first": 1.0}, {"first": 0.4, "second": 0.6}, {"second": 1.0}]


class Asked(PromptData):
    def entries(self, split: Split) -> list[Entry]:
        return [Entry(prompt) for prompt in PROMPTS]


def environment() -> TextEnvironment:
    return TextEnvironment(Asked(), tokenizer(), max_new_tokens=8, context=64)


def whole(seed: int) -> LanguagePolicy:
    return LanguagePolicy(llama(seed))


def soup(make: Any = policy) -> Soup:
    experts = {name: dict(make(seed).weights()) for seed, name in ((3, "first"), (4, "second"))}
    return Soup(make(0), experts, environment())


def evaluated(made: Any) -> list[str]:
    return environment().evaluate(made, torch.arange(len(PROMPTS))).texts["answer"]


SEEDS = [EVALUATION_SEED + number for number in range(len(PROMPTS))]


@pytest.mark.parametrize("make", [policy, whole], ids=["lora", "whole"])
def test_an_expert_answers_as_it_is_evaluated(make: Any) -> None:
    made = soup(make)
    for seed, name in ((3, "first"), (4, "second")):
        assert made.at({name: 1.0}).generate(PROMPTS, seed=SEEDS) == evaluated(make(seed))
    mean = make(0)
    if mean.lora is None:
        mean.load_weights(linear([make(3).weights(), make(4).weights()], [0.4, 0.6]))
        assert made.at(POINTS[1]).generate(PROMPTS, seed=SEEDS) == evaluated(mean)


@pytest.mark.parametrize("make", [policy, whole], ids=["lora", "whole"])
@pytest.mark.parametrize("greedy", [False, True])
def test_a_row_does_not_depend_on_what_is_beside_it(make: Any, greedy: bool) -> None:
    made, points = soup(make), [POINTS[row % 3] for row in (0, 1, 2, 1, 0, 0)]
    together = made.at(points).generate(PROMPTS, seed=7, greedy=greedy)
    alone = [
        made.at(point).generate([prompt], seed=7, greedy=greedy)[0]
        for point, prompt in zip(points, PROMPTS, strict=True)
    ]
    assert together == alone and len(set(alone)) == len(alone)
    same = made.at(POINTS).generate(["a road"] * 3, seed=7, greedy=greedy)
    assert len(set(same)) == 3, "λ makes no difference: nothing is told apart"


def test_seeds_and_lengths() -> None:
    player = soup().at(first=1.0)
    assert player.generate(["the cat"], seed=1) != player.generate(["the cat"], seed=2)
    assert player.generate(["the cat"] * 2, seed=[1, 2]) == [player.generate(["the cat"], seed=s)[0] for s in (1, 2)]
    short = player.generate(["the cat"], max_new_tokens=2)[0]
    assert player.generate(["the cat"])[0].startswith(short) and len(short) < 3
    assert player.generate([]) == []


def test_the_experts_are_put_side_by_side_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = soup()
    monkeypatch.setattr(per_row._SideBySide, "__init__", lambda *_: pytest.fail("again"))
    assert len({made.at(point).generate(["the cat"])[0] for point in POINTS}) == 3


@pytest.mark.parametrize(
    ("prompts", "settings", "reason"),
    [
        ("the cat", {}, "prompts must be a list of texts, not 'the cat'"),
        ([3], {}, r"prompts must be a list of texts, not \[3\]"),
        (["the cat"], {"seed": [1, 2]}, "2 seeds for 1 rows: give one for each, or one for all"),
        (["the cat"], {"max_new_tokens": 0}, "max_new_tokens is 0: it must be at least 1"),
        ([""], {}, "the prompt that was given is empty"),
        (["a" * 60], {}, "the prompt that was given has 60 tokens, and the model reads 64 of which 8 are"),
    ],
)
def test_requests_that_cannot_be_answered(prompts: Any, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        soup().at(first=1.0).generate(prompts, **settings)
