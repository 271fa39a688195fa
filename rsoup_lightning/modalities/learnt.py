"""Classifiers that rewards learn on the spot from examples at hand, once: where no trained reward model is at hand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.cache import read_again

logger = logging.getLogger(__name__)


class LearntClassifier(Protocol):
    """A classifier that was trained."""

    @property
    def accuracy(self) -> float:
        """On examples that were held out."""

    def save(self, path: Path) -> None:
        """Write all of it to a file."""


C = TypeVar("C", bound=LearntClassifier)


def learnt(name: str, settings: Mapping[str, Any], learn: Callable[[], C], read: Callable[[Path], C]) -> C:
    """A classifier, trained at its first use and read from the cache folder (RSOUP_CACHE) at later ones.

    Args:
        name: of the reward, for the log.
        settings: all that it depends on, as plain values.
        learn: trains it.
        read: what its ``save`` wrote.

    Raises:
        ConfigError: it cannot be learnt from what is at hand.
        OutputError: the cache cannot be written.
    """

    def make(folder: Path) -> None:
        logger.info("%s: learning, once", name)
        classifier = learn()
        logger.info("%s: %.1f %% of what was held out right", name, 100 * classifier.accuracy)
        classifier.save(folder / "classifier")

    return read_again("learnt", settings, make, lambda folder: read(folder / "classifier"))


def check_limit(limit: float | None) -> float | None:
    """``limit``, if it can bound a reward.

    Raises:
        ConfigError: it is not positive.
    """
    if limit is not None and limit <= 0:
        raise ConfigError(f"limit is {limit}: it bounds the reward to -limit ... limit, so give a positive number")
    return limit


def bounded(log_odds: Tensor, limit: float | None) -> Tensor:
    """``log_odds`` kept within ±``limit``; as they are where that is None."""
    return log_odds if limit is None else log_odds.clamp(-limit, limit)
