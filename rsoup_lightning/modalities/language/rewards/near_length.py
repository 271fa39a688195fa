"""A length that is wanted, neither more nor less."""

from __future__ import annotations

from collections.abc import Sequence

from rsoup_lightning.errors import check_at_least_one
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward


class NearLength(TextReward):
    """Minus the distance of an answer's number of words from the number that is wanted, as a share of that.

    0 is exactly as long, -1 twice as long or empty. As short as possible would pay best for saying nothing.

    Args:
        words: how many are wanted.

    Raises:
        ConfigError: fewer than one.
    """

    def __init__(self, words: int = 8) -> None:
        super().__init__(allow_empty_answers=True)
        check_at_least_one(words=words)
        self.words = words

    def rate(self, exchanges: Sequence[Exchange]) -> list[float]:
        return [-abs(len(exchange.answer.split()) - self.words) / self.words for exchange in exchanges]
