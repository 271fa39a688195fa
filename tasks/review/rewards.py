"""Rewards learnt from two kinds of reviewers, the public at length and critics in a line: what each likes, and how
critics write."""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b

from rsoup_lightning.modalities.language.rewards import TrainedClassifier
from rsoup_lightning.modalities.language.rewards.sentences import sentences
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


class CriticStyle(TrainedClassifier):
    """Log-odds that a sentence is a critic's on Rotten Tomatoes, and not a viewer's on IMDB.

    For each sentence of a critic there is one of a viewer with as many words: what tells them apart is how critics
    write, whatever they think of the film and at whatever length.
    """

    corpus_name = "critics-1"

    def labelled(self) -> tuple[list[str], list[int]]:
        critics, _ = labelled_reviews("rotten_tomatoes")
        reviews, _ = labelled_reviews("imdb")
        lengths: dict[int, list[str]] = defaultdict(list)
        # the corpus is ordered by sentiment; a hash shuffles it, the same on every machine
        for sentence in sorted({each for review in reviews for each in sentences(review)}, key=_hash):
            lengths[len(sentence.split())].append(sentence)
        pairs = [(text, lengths[len(text.split())].pop()) for text in critics if lengths[len(text.split())]]
        return [text for pair in pairs for text in pair], [1, 0] * len(pairs)


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
