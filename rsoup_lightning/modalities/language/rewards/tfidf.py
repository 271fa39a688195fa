"""A linear classifier of texts that trains in seconds: TF-IDF of words and pairs of words, logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import atomic
from rsoup_lightning.optional import need

FORMAT = 1
"""Of the files and of the training. A new number leaves old files behind."""
NGRAMS = (1, 2)
MIN_TEXTS = 3
MAX_TERMS = 50_000


@dataclass(frozen=True)
class TfidfClassifier:
    """Weights of a trained classifier of two classes.

    Attributes:
        terms: the V words and pairs of words it knows.
        idf: ``[V]`` inverse document frequencies.
        coefficients: ``[V]`` of the logistic regression.
        intercept: of the logistic regression.
        accuracy: on a tenth of the texts, of a classifier trained on the others.
    """

    terms: list[str]
    idf: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercept: float
    accuracy: float

    def log_odds(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """``[texts]`` log-odds of the positive class."""
        return self._vectorizer.transform(texts) @ self.coefficients + self.intercept

    def knows(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """``[texts]`` whether a text has a word that it knows: without one, its log-odds are the intercept."""
        return np.asarray(self._vectorizer.transform(texts).getnnz(axis=1) > 0)

    @cached_property
    def _vectorizer(self) -> Any:
        text = _sklearn("feature_extraction.text")
        vectorizer = text.TfidfVectorizer(ngram_range=NGRAMS, sublinear_tf=True, vocabulary=self.terms)
        vectorizer.idf_ = self.idf
        return vectorizer

    def save(self, path: Path) -> None:
        """Write all of it to a file of numpy, whole or not at all."""
        with atomic(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(
                stream,
                terms=np.frombuffer("\n".join(self.terms).encode(), dtype=np.uint8),
                idf=self.idf,
                coefficients=self.coefficients,
                intercept=self.intercept,
                accuracy=self.accuracy,
            )

    @classmethod
    def load(cls, path: Path) -> TfidfClassifier:
        """What :meth:`save` wrote.

        Raises:
            Exception: the file is missing or damaged: zip files raise a dozen types.
        """
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            terms = file["terms"].tobytes().decode().split("\n")
            idf, coefficients = (file[name].astype(np.float64) for name in ("idf", "coefficients"))
            intercept, accuracy = (float(file[name]) for name in ("intercept", "accuracy"))
        if not idf.shape == coefficients.shape == (len(terms),):
            raise ValueError(f"{len(terms)} terms have {idf.shape} frequencies and {coefficients.shape} coefficients")
        return cls(terms, idf, coefficients, intercept, accuracy)


def train_tfidf(texts: Sequence[str], labels: Sequence[int]) -> TfidfClassifier:
    """Train on all texts. The same texts in the same order always give the same classifier.

    Args:
        texts: at least twenty.
        labels: 1 for the positive class, 0 for the other.

    Raises:
        ConfigError: the texts cannot be learnt from; or scikit-learn is not installed.
    """
    if len(texts) != len(labels) or set(labels) != {0, 1} or len(texts) < 20:
        raise ConfigError(
            f"{len(texts)} texts with {len(labels)} labels {sorted(set(labels))[:5]}: "
            "a classifier needs at least 20 texts, each labelled 0 or 1, and both labels"
        )
    text, linear_model, selection = (
        _sklearn(name) for name in ("feature_extraction.text", "linear_model", "model_selection")
    )
    counter = text.CountVectorizer(ngram_range=NGRAMS, min_df=MIN_TEXTS, max_features=MAX_TERMS)
    try:
        counts = counter.fit_transform(texts)
        seen, unseen = selection.train_test_split(range(len(texts)), test_size=0.1, random_state=0, stratify=labels)
    except ValueError as error:
        raise ConfigError(f"these {len(texts)} texts cannot be learnt from: {error}") from error

    def fit(rows: Sequence[int]) -> tuple[Any, Any]:
        tfidf = text.TfidfTransformer(sublinear_tf=True).fit(counts[rows])
        regression = linear_model.LogisticRegression(max_iter=1000)
        return tfidf, regression.fit(tfidf.transform(counts[rows]), targets[rows])

    targets = np.asarray(labels)
    tfidf, regression = fit(seen)
    accuracy = regression.score(tfidf.transform(counts[unseen]), targets[unseen])
    tfidf, regression = fit(range(len(texts)))
    return TfidfClassifier(
        terms=counter.get_feature_names_out().tolist(),
        idf=tfidf.idf_,
        coefficients=regression.coef_[0],
        intercept=float(regression.intercept_[0]),
        accuracy=float(accuracy),
    )


def _sklearn(name: str) -> Any:
    return need(f"sklearn.{name}", "scikit-learn", "data")
