"""Styles learnt on the spot, where pictures of two styles are at hand and a trained reward model is not."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor

from rsoup_lightning.modalities.diffusion.rewards.features import SIDE
from rsoup_lightning.modalities.diffusion.rewards.images import ImageReward
from rsoup_lightning.modalities.diffusion.rewards.style import FORMAT, StyleClassifier, train_style
from rsoup_lightning.modalities.learnt import bounded, check_limit, learnt


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
        self.limit = check_limit(limit)
        settings = {"style": FORMAT, "pictures": self.pictures_name}
        self.classifier = learnt(self.name, settings, lambda: train_style(*self.pictures()), StyleClassifier.load)

    @abstractmethod
    def pictures(self) -> tuple[Tensor, Tensor]:
        """Pictures ``[N, 3, H, W]``, from 0 to 1, of the style that is paid for, and of the other.

        In the same order at each call, and where both show the same things, in the same order as each other.

        Raises:
            ConfigError: the pictures are not installed.
        """

    def rate(self, images: Tensor, prompts: Sequence[str]) -> Tensor:
        return bounded(self.classifier.log_odds(images), self.limit)
