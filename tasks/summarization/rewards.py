"""What makes a good line of news: a headline, learnt from headlines, or all that one sentence can tell of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rsoup_lightning.modalities.language.rewards import TrainedClassifier
from rsoup_lightning.modalities.language.rewards.overlap import content_words
from rsoup_lightning.modalities.language.rewards.sentences import is_one_sentence, words
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from tasks.summarization.data import NewsArticles
from tasks.text.cut import first_words

CONTENT_WORDS = 4
"""Of a headline, at least: seven of eight have as many. A bare name says nothing."""
WORDS, REACH = 6, 12
"""Words of a headline, which nineteen of twenty do not exceed, and how many more bring it to nothing."""


class Headline(TrainedClassifier):
    """Probability that words are a headline, and not the beginning of an article, times the share of the content words
    that are the article's, times how short they are: no articles, no past tense, no "said", and nothing invented or
    said again. Fewer content words than 4 have the share that they have of 4.

    Learnt from the headlines of the training split and the first words of their articles, as many as a headline has at
    most: what tells them apart is the style and not the length. Saying nothing is counted as no headline as often as
    there are headlines, or it would be one of the best. The last factor is 1 up to 6 words and falls to 0 at 18 as a
    parabola: a word more than usual costs little.
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
        kept = [_precision(exchange, CONTENT_WORDS) * _short(exchange.answer) for exchange in exchanges]
        return super().rate(exchanges).sigmoid() * torch.tensor(kept)


class Informative(TextReward):
    """How much of an article one whole sentence tells in its own way, from 0 to 1: the share of the article's content
    words that it has, times the share of its own that are the article's, times the share of its runs of content words
    that are not.

    A word said again counts as invented, so that padding costs. A copy has 0, however much of the article it holds; so
    have several sentences, and what is cut off.

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
        if not runs or not is_one_sentence(exchange.answer):
            return 0.0
        recall = len(set(said) & set(meant)) / max(len(set(meant)), 1)
        return recall * _precision(exchange) * sum(run not in copied for run in runs) / len(runs)

    def _runs(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        return [tuple(words[start : start + self.run]) for start in range(len(words) - self.run + 1)]


def _precision(exchange: Exchange, least: int = 1) -> float:
    """The share of an answer's content words that its question has, as if it had at least so many; said again, a word
    counts as one that the question lacks."""
    said, meant = content_words(exchange.answer), content_words(exchange.question)
    return len(set(said) & set(meant)) / max(len(said), least)


def _short(answer: str) -> float:
    """1 for as many words as a headline has, 0 for many more."""
    return max(1 - (max(len(words(answer)) - WORDS, 0) / REACH) ** 2, 0.0)
