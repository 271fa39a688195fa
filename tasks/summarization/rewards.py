"""What makes a good line of news: a headline, learnt from headlines, or the article told again; both in its words."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rsoup_lightning.modalities.language.rewards import TrainedClassifier
from rsoup_lightning.modalities.language.rewards.overlap import ContentOverlap, content_words
from rsoup_lightning.modalities.language.rewards.sentences import ends_a_sentence
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from tasks.summarization.data import NewsArticles
from tasks.text.cut import first_words


class Headline(TrainedClassifier):
    """Probability that words are a headline, and not the beginning of an article, times the share of the content words
    that are the article's: no articles, no past tense, no "said", and nothing invented.

    Learnt from the headlines of the training split and the first words of their articles, as many as a headline has at
    most: what tells them apart is the style and not the length. Saying nothing is counted as no headline as often as
    there are headlines, or it would be one of the best.
    """

    corpus_name = "bbc-headlines-2"

    def labelled(self) -> tuple[list[str], list[int]]:
        entries = NewsArticles().entries("train")
        headlines = [entry.reference for entry in entries]
        longest = max(len(headline.split()) for headline in headlines)
        beginnings = [first_words(entry.question, longest) for entry in entries]
        others = beginnings + [""] * len(headlines)
        return headlines + others, [1] * len(headlines) + [0] * len(others)

    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        return super().rate(exchanges).sigmoid() * torch.tensor([_precision(exchange) for exchange in exchanges])


class Retold(TextReward):
    """How well a whole sentence tells the article again, from 0 to 1: the F1 of content words, times the share of runs
    of content words that are not the article's.

    A copy has 0, however much of the article it holds, and so has what is cut off.

    Args:
        run: content words of a run. Names of two words are no copies with the default.

    Raises:
        ConfigError: scikit-learn is not installed.
    """

    def __init__(self, run: int = 3) -> None:
        super().__init__("{question}\n{answer}", allow_empty_answers=True)
        content_words("")
        self.run = run

    def rate(self, exchanges: Sequence[Exchange]) -> list[float]:
        return [self._rate(exchange) for exchange in exchanges]

    def _rate(self, exchange: Exchange) -> float:
        said, meant = content_words(exchange.answer), content_words(exchange.question)
        runs, copied = self._runs(said), set(self._runs(meant))
        if not runs or not ends_a_sentence(exchange.answer):
            return 0.0
        return ContentOverlap.f1(said, meant) * sum(run not in copied for run in runs) / len(runs)

    def _runs(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        return [tuple(words[start : start + self.run]) for start in range(len(words) - self.run + 1)]


def _precision(exchange: Exchange) -> float:
    """The share of an answer's content words that its question has; 0 where there are none."""
    said, meant = set(content_words(exchange.answer)), set(content_words(exchange.question))
    return len(said & meant) / max(len(said), 1)
