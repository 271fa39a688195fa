from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.rewards.tfidf import TfidfClassifier, train_tfidf

pytest.importorskip("sklearn")

NEW = ["a good film", "a bad plot, a bad film", "nothing known", ""]


def corpus(size: int = 60) -> tuple[list[str], list[int]]:
    """Short reviews, the good ones in good words."""
    dice = random.Random(0)
    labels = [index % 2 for index in range(size)]
    words = [["bad", "dull", "film", "plot", "a", "the"], ["good", "fine", "film", "plot", "a", "the"]]
    return [" ".join(dice.choices(words[label], k=8)) for label in labels], labels


def test_equals_the_pipeline_of_scikit_learn() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, labels = corpus()
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=3, max_features=50_000)
    pipeline = make_pipeline(vectorizer, LogisticRegression(max_iter=1000)).fit(texts, labels)
    got = train_tfidf(texts, labels).log_odds(NEW)
    assert got == pytest.approx(pipeline.decision_function(NEW), abs=1e-9)
    assert got[0] > 0 > got[1]


def test_accuracy_is_of_texts_not_learnt_from() -> None:
    texts, labels = corpus()
    assert train_tfidf(texts, labels).accuracy == 1.0
    random.Random(1).shuffle(labels)  # now learnt by heart, and of no use
    assert train_tfidf(texts, labels).accuracy <= 5 / 6


def test_kept_and_read_it_is_the_same(tmp_path: Path) -> None:
    trained = train_tfidf(*corpus())
    trained.save(tmp_path / "folder" / "c.npz")
    read = TfidfClassifier.load(tmp_path / "folder" / "c.npz")
    assert np.array_equal(read.log_odds(NEW), trained.log_odds(NEW))
    assert (read.terms, read.accuracy) == (trained.terms, trained.accuracy)
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["c.npz"]


def loaded(path: Path) -> TfidfClassifier | None:
    try:
        return TfidfClassifier.load(path)
    except Exception:  # of a dozen types
        return None


def test_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    assert loaded(path) is None
    trained = train_tfidf(*corpus())
    trained.save(path)
    whole = path.read_bytes()
    dice = random.Random(0)
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert loaded(path) is None
    for _ in range(200):  # a flipped byte is noticed, or does no harm
        place = dice.randrange(len(whole))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ dice.randrange(1, 256)]) + whole[place + 1 :])
        read = loaded(path)
        assert read is None or np.array_equal(read.log_odds(NEW), trained.log_odds(NEW))


def test_a_file_of_other_contents_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    np.savez(path, terms=np.frombuffer(b"a\nb", dtype=np.uint8), idf=[1.0], coefficients=[1.0], intercept=0, accuracy=0)
    assert loaded(path) is None
    with path.open("wb") as stream:
        np.save(stream, np.array([{"code": "runs"}], dtype=object), allow_pickle=True)
    assert loaded(path) is None


@pytest.mark.parametrize(
    ("texts", "labels", "said"),
    [
        ([], [], "0 texts with 0 labels"),
        (["a word"] * 30, [1] * 30, r"30 texts with 30 labels \[1\]"),
        (["a word"] * 30, [1, 0] * 10, "30 texts with 20 labels"),
        (["a word"] * 30, [1, 2] * 15, r"labels \[1, 2\]: .*labelled 0 or 1"),
        ([f"word{i}" for i in range(30)], [0, 1] * 15, "30 texts cannot be learnt from: .*no terms remain"),
        (["a word"] * 30, [1] + [0] * 29, "30 texts cannot be learnt from: .*least populated class"),
    ],
)
def test_texts_that_teach_nothing(texts: list[str], labels: list[int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        train_tfidf(texts, labels)
