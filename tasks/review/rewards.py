"""Two sentiment rewards, learnt from two kinds of reviewers: the public at length, and critics in a line."""

from __future__ import annotations

from rsoup_lightning.modalities.language.rewards import TrainedClassifier
from tasks.review.data import labelled_reviews


class ImdbSentiment(TrainedClassifier):
    """Log-odds that a viewer's review on IMDB is positive."""

    corpus_name = "imdb-1"

    def labelled(self) -> tuple[list[str], list[int]]:
        return labelled_reviews("imdb")


class RottenTomatoesSentiment(TrainedClassifier):
    """Log-odds that a critic's sentence on Rotten Tomatoes is positive."""

    corpus_name = "rotten-tomatoes-1"

    def labelled(self) -> tuple[list[str], list[int]]:
        return labelled_reviews("rotten_tomatoes")
