"""Styles learnt on the spot, where pictures of two styles are at hand and a trained reward model is not."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.rewards.features import SIDE
from rsoup_lightning.modalities.diffusion.rewards.images import ImageReward
from rsoup_lightning.modalities.diffusion.rewards.style import FORMAT, StyleClassifier, train_style
from rsoup_lightning.modalities.pretraining import kept

logger = logging.getLogger(__name__)


class TrainedStyle(ImageReward):
    """The log-odds of one style against another, by a linear classifier of pictures: see :mod:`.style`.

    The first use of a pair of styles trains, later ones read what was learnt from the cache folder (RSOUP_CACHE).
    Subclasses name their pictures and give them. Swapped styles give the opposite reward: two such rewards have no
    front but a straight line.

    Args:
        limit: bound of the reward either way, in nats; null for none.

    Raises:
        ConfigError: the styles cannot be learnt, or scikit-learn is not installed.
        OutputError: the cache folder cannot be written.
    """

    least_side = SIDE

    pictures_name: str
    """With a version: pictures that change under the same name are not learnt anew."""

    def __init__(self, limit: float | None = None) -> None:
        if limit is not None and limit <= 0:
            raise ConfigError(f"limit is {limit}: it bounds the reward to -limit ... limit, so give a positive number")
        self.limit = limit
        folder = kept("style", {"format": FORMAT, "pictures": self.pictures_name}, self._learn)
        self.classifier = StyleClassifier.load(folder / _FILE)

    @abstractmethod
    def pictures(self) -> tuple[Tensor, Tensor]:
        """Pictures ``[N, 3, H, W]``, from 0 to 1, of the style that is paid for, and of the other.

        In the same order at each call, and where both show the same things, in the same order as each other.

        Raises:
            ConfigError: the pictures are not installed.
        """

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        log_odds = self.classifier.log_odds(images)
        return log_odds if self.limit is None else log_odds.clamp(-self.limit, self.limit)

    def _learn(self, folder: Path) -> None:
        liked, others = self.pictures()
        logger.info("%s: learning from %d and %d pictures, once", self.name, len(liked), len(others))
        classifier = train_style(liked, others)
        logger.info("%s: %.1f %% of held-out pictures right", self.name, 100 * classifier.accuracy)
        classifier.save(folder / _FILE)


_FILE = "classifier.safetensors"
