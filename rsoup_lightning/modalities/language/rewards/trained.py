"""Classifiers trained on the spot, where labelled texts are at hand and a trained reward model is not."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, from_numpy

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.cache import cache_folder
from rsoup_lightning.modalities.language.rewards.texts import Exchange, TextReward
from rsoup_lightning.modalities.language.rewards.tfidf import FORMAT, TfidfClassifier, train_tfidf

logger = logging.getLogger(__name__)


class TrainedClassifier(TextReward, ABC):
    """The log-odds of a class, by a linear classifier of labelled texts: see :mod:`.tfidf`.

    The first use of a corpus trains, later ones read what was learnt from the cache folder (RSOUP_CACHE). Subclasses
    name their corpus and give its texts.

    Args:
        template: what is rated, from {question}, {answer} and {reference}.
        limit: bound of the reward either way, in nats; null for none.
        allow_empty_answers: rate empty answers too, instead of stopping; they have the log-odds of an unknown word.

    Raises:
        ConfigError: the texts cannot be learnt from, or scikit-learn is not installed.
    """

    corpus_name: str
    """With a version: texts that change under the same name are not learnt anew."""

    def __init__(
        self, template: str = "{answer}", limit: float | None = None, allow_empty_answers: bool = False
    ) -> None:
        super().__init__(template, allow_empty_answers)
        if limit is not None and limit <= 0:
            raise ConfigError(f"limit is {limit}: it bounds the reward to -limit ... limit, so give a positive number")
        self.limit = limit
        self.classifier = self._learnt()

    @abstractmethod
    def labelled(self) -> tuple[list[str], list[int]]:
        """Texts and the label of each: 1 where the reward is to be high, else 0; always in the same order.

        Raises:
            ConfigError: the texts are not installed.
        """

    def rate(self, exchanges: Sequence[Exchange]) -> Tensor:
        log_odds = from_numpy(self.classifier.log_odds([self.read(exchange) for exchange in exchanges]))
        return log_odds if self.limit is None else log_odds.clamp(-self.limit, self.limit)

    def _learnt(self) -> TfidfClassifier:
        path = cache_folder() / f"tfidf-{FORMAT}-{self.corpus_name}.npz"
        classifier = TfidfClassifier.load(path)
        if classifier is None:
            texts, labels = self.labelled()
            logger.info("%s: learning from %d texts, once", self.name, len(texts))
            classifier = train_tfidf(texts, labels)
            logger.info("%s: %.1f %% of held-out texts right", self.name, 100 * classifier.accuracy)
            try:
                classifier.save(path)
            except OSError as error:
                logger.warning("%s was not kept (%s): let RSOUP_CACHE name a folder that can be written", path, error)
        return classifier
