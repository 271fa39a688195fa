"""Rewards learnt from two kinds of reviewers, the public at length and critics in a line: what each likes, and how
critics write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.language.rewards import TrainedClassifier
from rsoup_lightning.modalities.language.rewards.overlap import content_words
from rsoup_lightning.modalities.language.rewards.sentences import is_one_sentence, sentences
from rsoup_lightning.modalities.language.rewards.texts import Exchange
from tasks.review.data import labelled_reviews

CONTENT_WORDS = 4
"""Of a sentence that says something, at least."""


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


class Critic(TrainedClassifier):
    """How plainly one whole sentence is a critic's on Rotten Tomatoes, and not a viewer's on IMDB, from 0 to 1.

    For each sentence of a critic there is one of a viewer with as many words: what tells them apart is how critics
    write, whatever they think of the film and at whatever length.

    A sentence is paid 1 - ((enough - log-odds) / reach)², and 1 from there on: what is plain need not be shouted. That
    is multiplied by how much it says: the share of its content words that were not said before, where fewer than four
    count as four, as the shortest and the most repetitive sentences would pay most. Nothing is paid for what is cut
    off, for several sentences, or for one without any word of the corpora.

    Args:
        enough: log-odds from which a sentence is paid in full, in nats.
        reach: nats below ``enough`` from which on nothing is paid.

    Raises:
        ConfigError: ``reach`` is not positive, or scikit-learn is not installed.
    """

    corpus_name = "critics-1"

    def __init__(self, enough: float = 1.0, reach: float = 3.0) -> None:
        super().__init__(allow_empty_answers=True)
        if reach <= 0:
            raise ConfigError(f"reach is {reach}: give more than 0 nats")
        self.enough, self.reach = enough, reach

    def labelled(self) -> tuple[list[str], list[int]]:
        critics, _ = labelled_reviews("rotten_tomatoes")
        reviews, _ = labelled_reviews("imdb")
        lengths: dict[int, list[str]] = defaultdict(list)
        # the corpus is ordered by sentiment; a hash shuffles it, the same on every machine
        for sentence in sorted({each for review in reviews for each in sentences(review)}, key=_hash):
            lengths[len(sentence.split())].append(sentence)
        pairs = [(text, lengths[len(text.split())].pop()) for text in critics if lengths[len(text.split())]]
        return [text for pair in pairs for text in pair], [1, 0] * len(pairs)

    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        return _plain(super().rate(exchanges), self.enough, self.reach) * self._says(exchanges)

    def _says(self, exchanges: Sequence[Exchange]) -> Tensor:
        """The share of the content words of one whole sentence that are new, as if there were at least four; 0 where no
        word is known, as what says nothing to the classifier has the log-odds of its intercept."""
        known = self.classifier.knows([exchange.answer for exchange in exchanges])
        said = [content_words(exchange.answer) if is_one_sentence(exchange.answer) else [] for exchange in exchanges]
        shares = torch.tensor([len(set(words)) / max(len(words), CONTENT_WORDS) for words in said])
        return shares * torch.from_numpy(known)


class Liking(Critic):
    """How plainly one whole sentence is a viewer's, and not a critic's, times how plainly that viewer liked the film.

    Both are paid as the style of a critic is (see Critic), the second by the log-odds that a viewer's review on IMDB is
    positive.

    Args:
        liked: log-odds from which liking is paid in full, in nats.
        **style: as of Critic.

    Raises:
        ConfigError: as of Critic.
    """

    def __init__(self, liked: float = 2.0, **style: float) -> None:
        super().__init__(**style)
        self.liked = liked
        self.sentiment = ImdbSentiment(allow_empty_answers=True)

    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        viewer = _plain(-TrainedClassifier.rate(self, exchanges), self.enough, self.reach)
        return viewer * _plain(self.sentiment.rate(exchanges), self.liked, self.reach) * self._says(exchanges)


def _plain(log_odds: Tensor, enough: float, reach: float) -> Tensor:
    """1 for log-odds that are enough, 0 for what is out of reach."""
    return 1 - ((enough - log_odds) / reach).clamp(0, 1) ** 2


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
