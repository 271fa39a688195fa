"""Sentiment by a lexicon and rules."""

from __future__ import annotations

from collections.abc import Sequence

from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from rsoup_lightning.optional import need


class Vader(TextReward):
    """The compound sentiment of VADER (Hutto and Gilbert 2014), from -1 to 1; a text of no sentiment has 0.

    Args:
        template: what is rated, from {question}, {answer} and {reference}.
        allow_empty_answers: rate empty answers too, instead of stopping.

    Raises:
        ConfigError: vaderSentiment is not installed.
    """

    def __init__(self, template: str = "{answer}", allow_empty_answers: bool = False) -> None:
        super().__init__(template, allow_empty_answers)
        module = need("vaderSentiment.vaderSentiment", "vaderSentiment", "data")
        self._analyzer = module.SentimentIntensityAnalyzer()

    def rate(self, exchanges: Sequence[Exchange]) -> list[float]:
        return [self._analyzer.polarity_scores(self.read(exchange))["compound"] for exchange in exchanges]
