"""A length that is wanted, neither more nor less."""

from __future__ import annotations

from collections.abc import Sequence

from rsoup_lightning.errors import check_at_least_one
from rsoup_lightning.modalities.language.rewards.sentences import ends_a_sentence
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward


class NearLength(TextReward):
    """Minus the distance of an answer's number of words from the number that is wanted, as a share of that.

    0 is exactly as long, -1 twice as long or empty. As short as possible would pay best for saying nothing.

    Args:
        words: how many are wanted.
        whole: an answer that does not end as a sentence does has at most -1, as an empty one: what is cut off in the
            middle has no length of its own.

    Raises:
        ConfigError: fewer than one.
    """

    def __init__(self, words: int = 8, whole: bool = False) -> None:
        super().__init__(allow_empty_answers=True)
        check_at_least_one(words=words)
        self.words, self.whole = words, whole

    def rate(self, exchanges: Sequence[Exchange]) -> list[float]:
        return [self._rate(exchange.answer) for exchange in exchanges]

    def _rate(self, answer: str) -> float:
        near = -abs(len(answer.split()) - self.words) / self.words
        return min(near, -1.0) if self.whole and not ends_a_sentence(answer) else near
