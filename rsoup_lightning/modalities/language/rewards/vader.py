"""Sentiment by a lexicon and rules."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rsoup_lightning.modalities.language.rewards.sentences import mean_of_sentences
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from rsoup_lightning.optional import need


class Vader(TextReward):
    """The compound sentiment of VADER (Hutto and Gilbert 2014), from -1 to 1; a text of no sentiment has 0.

    Args:
        template: what is rated, from {question}, {answer} and {reference}.
        per_sentence: take the mean over sentences. VADER adds up the words of a text, so that a heap of kind words
            has a higher score than a kind sentence; among several sentences each counts the same.
        allow_empty_answers: rate empty answers too, instead of stopping.

    Raises:
        ConfigError: vaderSentiment is not installed.
    """

    def __init__(
        self, template: str = "{answer}", per_sentence: bool = False, allow_empty_answers: bool = False
    ) -> None:
        super().__init__(template, allow_empty_answers)
        self.per_sentence = per_sentence
        module = need("vaderSentiment.vaderSentiment", "vaderSentiment", "data")
        self._analyzer = module.SentimentIntensityAnalyzer()

    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        texts = [self.read(exchange) for exchange in exchanges]
        return mean_of_sentences(texts, self._compound) if self.per_sentence else self._compound(texts)

    def _compound(self, texts: Sequence[str]) -> Tensor:
        return torch.tensor([self._analyzer.polarity_scores(text)["compound"] for text in texts])
