"""Classifiers trained on the spot, where labelled texts are at hand and a trained reward model is not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, from_numpy

from rsoup_lightning.modalities.language.rewards.sentences import mean_of_sentences
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from rsoup_lightning.modalities.language.rewards.tfidf import FORMAT, TfidfClassifier, train_tfidf
from rsoup_lightning.modalities.learnt import bounded, check_limit, learnt


class TrainedClassifier(TextReward, ABC):
    """The log-odds of a class, by a linear classifier of labelled texts: see :mod:`.tfidf`.

    The first use of a corpus trains, later ones read what was learnt from the cache folder (RSOUP_CACHE). Subclasses
    name their corpus and give its texts.

    Args:
        template: what is rated, from {question}, {answer} and {reference}.
        limit: bound of the reward either way, in nats; null for none.
        per_sentence: take the mean over sentences, each bounded by itself, so that no single one pays for all.
        allow_empty_answers: rate empty answers too, instead of stopping; they have the log-odds of an unknown word.

    Raises:
        ConfigError: the texts cannot be learnt from, or scikit-learn is not installed.
        OutputError: the cache folder cannot be written.
    """

    corpus_name: str
    """With a version: texts that change under the same name are not learnt anew."""

    def __init__(
        self,
        template: str = "{answer}",
        limit: float | None = None,
        per_sentence: bool = False,
        allow_empty_answers: bool = False,
    ) -> None:
        super().__init__(template, allow_empty_answers)
        self.per_sentence = per_sentence
        self.limit = check_limit(limit)
        settings = {"tfidf": FORMAT, "corpus": self.corpus_name}
        self.classifier = learnt(self.name, settings, lambda: train_tfidf(*self.labelled()), TfidfClassifier.load)

    @abstractmethod
    def labelled(self) -> tuple[list[str], list[int]]:
        """Texts and the label of each: 1 where the reward is to be high, else 0; always in the same order.

        Raises:
            ConfigError: the texts are not installed.
        """

    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        texts = [self.read(exchange) for exchange in exchanges]
        return mean_of_sentences(texts, self._log_odds) if self.per_sentence else self._log_odds(texts)

    def _log_odds(self, texts: Sequence[str]) -> Tensor:
        return bounded(from_numpy(self.classifier.log_odds(texts)), self.limit)
