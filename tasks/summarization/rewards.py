"""What makes a text a headline, learnt from headlines."""

from __future__ import annotations

from rsoup_lightning.modalities.language.rewards import TrainedClassifier
from tasks.summarization.data import NewsArticles
from tasks.text.cut import first_words


class Headline(TrainedClassifier):
    """Log-odds that words are a headline, and not the beginning of an article: no articles, no past tense, no "said".

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
