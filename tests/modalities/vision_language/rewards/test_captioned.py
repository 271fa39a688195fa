from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rsoup_lightning import captions
from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.data import Item
from rsoup_lightning.modalities.vision_language.rewards import (
    Accuracy,
    Bleu,
    BoxHit,
    CaptionReward,
    CiderD,
    IdealRoom,
    Meteor,
    RougeL,
)
from tests.modalities.vision_language.rewards.said import REFERENCES, rollout
from tests.modalities.vision_language.tiny import Given, Squares


def test_each_is_its_metric_of_one_sample() -> None:
    answers = ("a red square", "red", "the red car", "")
    frequencies = captions.DocumentFrequencies.of([captions.prepare(REFERENCES), captions.prepare(["a car"])])
    cider = CiderD()
    cider.prepare(Given([Item("one", REFERENCES), Item("two", ("a car",))]))
    known = captions.prepare(REFERENCES)
    for reward, metric in [
        *((Bleu(order), lambda c, r, n=order: captions.bleu(c, r)[n - 1]) for order in range(1, 5)),
        (RougeL(), captions.rouge_l),
        (Meteor(), captions.meteor),
        (cider, lambda c, r: captions.cider_d(c, r, frequencies)),
    ]:
        expected = torch.tensor([metric(captions.read(answer), known) for answer in answers])  # type: ignore[operator]
        given = reward(rollout(*answers))
        assert torch.equal(given, expected)
        assert given[0] == given.max() > given[2] >= given[3] == 0


@pytest.mark.parametrize("kind", [Accuracy, Bleu, CiderD, Meteor, RougeL])
def test_a_style_leaves_the_references_of_others_out(kind: type[CaptionReward]) -> None:
    items = [Item("one", ("red", "a square"), styles=("colour", "shape")), Item("two", ("blue",), styles=("colour",))]
    colour, shape = kind(style="colour"), kind(style="shape")
    colour.prepare(Given(items))
    made = rollout("red", "a square", references=items[0].references, styles=items[0].styles)
    assert colour.inputs(made) == ["red | red", "a square | red"]
    right, wrong = colour(made).tolist()
    assert right > 0.4 and wrong == pytest.approx(0)
    with pytest.raises(
        RewardError, match=rf"two has no reference of style 'shape', and {kind.__name__} .*; its styles are colour$"
    ):
        shape.prepare(Given(items))


def test_what_a_wrong_answer_costs_and_one_that_says_nothing_does_not() -> None:
    made = rollout("Red.", "a red", "not sure", "", references=("red", "a red square"))
    assert Accuracy()(made).tolist() == [1, 0, 0, 0]
    assert Accuracy(wrong=-2, nothing="not sure")(made).tolist() == [1, -2, 0, 0]
    assert Accuracy(wrong=-2)(made).tolist() == [1, -2, -2, 0]


def test_nothing_is_not_right_where_a_reference_has_no_word() -> None:
    made = rollout("", "!", "yes", references=("yes", "?"))
    assert Accuracy()(made).tolist() == [0, 0, 1]


def test_people_see_the_answer_and_the_references() -> None:
    assert RougeL().inputs(rollout("red", "")) == ["red | a red square | red", " | a red square | red"]


def test_frequencies_are_those_of_the_training_split(tmp_path: Path) -> None:
    reward = CiderD()
    reward.prepare(Squares())
    documents = [captions.prepare(item.references) for item in Squares().items("train")]
    frequencies = captions.DocumentFrequencies.of(documents)
    answer, known = captions.read("a red square"), captions.prepare(REFERENCES)
    assert reward.rate(answer, known) == captions.cider_d(answer, known, frequencies)
    other = captions.DocumentFrequencies.of([captions.prepare(["red"]), captions.prepare(["a red"])])
    other.save(tmp_path / "other.json")
    kept = CiderD(str(tmp_path / "other.json"))
    kept.prepare(Squares())
    assert kept.rate(answer, known) == captions.cider_d(answer, known, other) != reward.rate(answer, known)


def test_a_picture_is_one_document_however_much_is_asked_of_it() -> None:
    items = [Item("one", ("red",), "which?"), Item("one", ("a dog",), "what?"), Item("two", ("a cat",), "what?")]
    reward = CiderD()
    reward.prepare(Given(items))
    assert reward._frequencies is not None
    assert (reward._frequencies.documents, reward._frequencies.counts["a"]) == (2, 2)


@pytest.mark.parametrize("reward", [Bleu(), RougeL(), Meteor(), CiderD()])
@pytest.mark.parametrize("said", [(), (" ",)])
def test_an_item_without_reference_is_named_at_the_start(reward: CaptionReward, said: tuple[str, ...]) -> None:
    with pytest.raises(RewardError, match=rf"two \(which\?\) has no reference caption, and {type(reward).__name__}"):
        reward.prepare(Given([Item("one", ("red",)), Item("two", said, "which?")]))


def test_an_item_without_reference_cannot_be_scored() -> None:
    with pytest.raises(RewardError, match=r"^'!' has no reference caption with a word"):
        RougeL()(rollout("red", references=("!",)))
    with pytest.raises(RewardError, match="an item has no reference caption"):
        RougeL()(rollout("red", references=()))


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="order is 5: BLEU counts n-grams of 1 to 4 words"):
        Bleu(5)
    with pytest.raises(ConfigError, match="threshold is 1"):
        BoxHit(threshold=1.0)
    for settings in ({"room": -0.1}, {"reach": 0}):
        with pytest.raises(ConfigError, match=r"room is .* and reach .*: give at least 0, and above 0"):
            IdealRoom(**settings)
    with pytest.raises(RewardError, match="CiderD has no document frequencies"):
        CiderD()(rollout("red"))
    with pytest.raises(ConfigError, match=r"absent\.json holds no document frequencies"):
        CiderD("absent.json")
