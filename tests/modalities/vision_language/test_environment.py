"""Pictures and questions in, answers out, as rewards and people will see them."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from PIL import Image

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.data import Item
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.modalities.vision_language.decoding import answer_logits
from rsoup_lightning.modalities.vision_language.environment import PictureEnvironment, picture_names
from rsoup_lightning.modalities.vision_language.vocabulary import WordVocabulary
from tests.conftest import PointPolicy
from tests.modalities.vision_language.tiny import COLOURS, PLACES, QUESTIONS, Given, Squares, environment, policy

DATA = Squares()
WORDS = WordVocabulary(["what", "is", "it", "red", "0", "15"])


def given(*items: Item, **changes: Any) -> PictureEnvironment:
    return PictureEnvironment(Given(items), WORDS, **{**PLACES, **changes})


def test_answers_to_an_item_stand_next_to_each_other() -> None:
    made = policy(DATA)
    rollout = environment(DATA, made).rollout(made, 0, completions=3)
    assert len(rollout) == 4 * 3
    ids = rollout["id"].tolist()
    assert ids == [number for number in ids[::3] for _ in range(3)] and len(set(ids)) == 4
    for row, number in enumerate(ids):
        item = DATA.items("train")[number]
        assert rollout.texts["question"][row] == item.question
        assert rollout.texts["references"][row] == item.references
        assert rollout.texts["reference"][row] == item.references[0]
        assert picture_names(DATA)[rollout["picture"][row]] == item.picture
        prompt, mask = rollout["prompt_tokens"][row], rollout["prompt_mask"][row]
        assert prompt[mask].tolist() == made.vocabulary.prompt(item.question) and not prompt[~mask].any()
        assert rollout.texts["prompt"][row] == item.question
    assert "box" not in rollout


def test_texts_are_the_tokens_that_were_written() -> None:
    made = policy(DATA)
    torch.manual_seed(0)
    rollout = environment(DATA, made).rollout(made, 0, completions=8)
    ends = rollout["tokens"] == made.vocabulary.end
    assert ends.any() and not ends.any(1).all()
    for row in range(len(rollout)):
        kept = [t for t in rollout["tokens"][row][rollout.mask[row]].tolist() if t != made.vocabulary.end]
        assert rollout.texts["answer"][row] == made.vocabulary.decode(kept)
    assert torch.equal(rollout.terminated.sum(1), torch.ones(len(rollout), dtype=torch.long))


def test_an_epoch_goes_through_the_items_and_follows_its_seed() -> None:
    made = policy(DATA)
    places = environment(DATA, made, batch_size=3)
    seen = [places.rollout(made, batch)["id"].tolist() for batch in range(2)]
    assert sorted(seen[0] + seen[1]) == list(range(6))
    places.begin(0)
    assert places.rollout(made, 0)["id"].tolist() == seen[0]
    places.begin(1)
    assert places.rollout(made, 0)["id"].tolist() != seen[0]


def test_evaluation_is_on_the_other_split_and_depends_on_no_chance() -> None:
    made = policy(DATA)
    first, again = (environment(DATA, made).evaluate(made, torch.arange(6)) for _ in range(2))
    assert torch.equal(first["tokens"], again["tokens"])
    assert first["id"].tolist() == list(range(6))
    assert [picture_names(DATA)[number] for number in first["picture"]] == [f"eval/{colour}" for colour in COLOURS]
    assert [len(batch) for batch in environment(DATA, made).eval_batches()] == [4, 2]


def test_one_beam_evaluates_greedily_and_more_find_what_is_likelier() -> None:
    made = policy(DATA)
    plain, searched = (environment(DATA, made, beams=beams).evaluate(made, torch.arange(6)) for beams in (1, 20))
    prompts = PromptTokens(plain["prompt_tokens"], plain["prompt_mask"])
    follow = made.follow(plain["picture"])
    logits = answer_logits(follow, prompts, plain["tokens"], torch.arange(6), made.vocabulary.padding)
    assert torch.equal(logits.argmax(-1)[plain.mask], plain["tokens"][plain.mask])
    likelihood = [rollout.log_probs.sum(1) / rollout.mask.sum(1) for rollout in (plain, searched)]
    assert (likelihood[1] >= likelihood[0] - 1e-5).all() and (likelihood[1] > likelihood[0] + 1e-3).any()


def test_shown_are_answers_beside_their_pictures() -> None:
    made = policy(DATA)
    place = environment(DATA, made)
    rollout = place.evaluate(made, torch.arange(6))
    first, second, *_ = place.shown(rollout, 3)
    assert (first.title, second.title) == ("a red square", f"{QUESTIONS[1]} (a green square)")
    assert first.text == rollout.texts["answer"][0]
    shown = Image.open(io.BytesIO(second.picture))
    assert shown.convert("RGB").tobytes() == DATA.picture("eval/green").tobytes()


def test_shown_without_reference_are_called_by_what_is_known() -> None:
    data = Squares(wordless=COLOURS)
    made = policy(DATA)
    place = environment(data, made)
    titles = [each.title for each in place.shown(place.evaluate(made, torch.arange(2)), 2)]
    assert titles == ["eval/red", QUESTIONS[1]]


def test_boxes_go_with_the_rollout_and_onto_the_picture() -> None:
    class Boxed(Squares):
        def items(self, split: Any) -> Any:
            box = (0.0, 0.0, 0.5, 1.0)
            return [Item(one.picture, ("0 0 15 31",), "what is it?", box) for one in super().items(split)]

    made = policy(DATA)
    place = environment(Boxed(), made)
    rollout = place.evaluate(made, torch.arange(4))
    assert rollout["box"].tolist() == [[0.0, 0.0, 0.5, 1.0]] * 4
    (each,) = place.shown(rollout, 1)
    shown = Image.open(io.BytesIO(each.picture)).convert("RGB")
    red, green, blue = shown.getpixel((1, 100))  # type: ignore[misc]
    assert shown.size == (200, 200) and green > red + 60 and green > blue + 60


def test_unreadable_pictures_are_left_out() -> None:
    made = policy(DATA)
    place = environment(DATA, made, unreadable=frozenset({"train/red", "eval/green", "eval/blue"}))
    assert (place.count("train"), place.count("eval")) == (5, 4)
    assert place.evaluate(made, torch.arange(4)).texts["reference"] == [
        f"a {colour} square" for colour in ("red", "yellow", "purple", "black")
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beams": 0}, "beams is 0: it must be at least 1"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0: it must be at least 1"),
        ({"eval_batch_size": 0}, "eval_batch_size is 0: it must be at least 1"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        given(Item("grey"), **changes)


def test_a_question_longer_than_the_context_is_named() -> None:
    short, long = Item("grey"), Item("grey", question="red " * 5)
    given(short, long, max_new_tokens=3).begin(0)
    with pytest.raises(ConfigError, match=r"'red red red red red ' on grey leaves no room: .* reads 10 .* 4 are"):
        given(short, long).begin(0)


@pytest.mark.parametrize("box", [(0.0, 0, 1.01, 1), (-0.1, 0, 1, 1), (0.5, 0, 0.5, 1), (0, 0.9, 1, 0.1)])
def test_a_box_outside_its_picture_is_named(box: tuple[float, float, float, float]) -> None:
    given(Item("grey", ("0 0 15 15",), "red", (0.0, 0.0, 1.0, 1.0))).begin(0)
    with pytest.raises(ConfigError, match=r"the box \(.*\) of 'red' on grey is not inside the picture"):
        given(Item("grey", ("0 0 15 15",), "red", box)).begin(0)


def test_data_without_items() -> None:
    with pytest.raises(ConfigError, match="Given has nothing in its train split: check"):
        given().begin(0)
    with pytest.raises(ConfigError, match="Given has nothing in its train split: check"):
        given(Item("grey"), unreadable=frozenset({"grey"})).begin(0)


def test_a_policy_whose_training_diverged_is_named() -> None:
    made = policy(DATA)
    made.load_weights({name: weight * float("nan") for name, weight in made.weights().items()})
    place = environment(DATA, made)
    for play in (
        lambda: place.rollout(made, 0),
        lambda: place.rollout(made, 0, greedy=True),
        lambda: place.evaluate(made, torch.arange(2)),
        lambda: place._answers(made, [DATA.picture("eval/red")], [""]),
    ):
        with pytest.raises(RewardError, match="its training has diverged, lower the learning rate"):
            play()


def test_a_policy_of_another_kind() -> None:
    with pytest.raises(ConfigError, match="vision-language policy, not PointPolicy"):
        given(Item("grey")).evaluate(PointPolicy(), torch.arange(1))
