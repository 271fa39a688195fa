"""Whether a policy has collapsed: most of what it produces would be an outlier among what it started from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

OUTLIERS = 0.05
"""The share of init's own samples that count as bad."""


def collapsed(scores: Mapping[str, ArrayLike], init: Mapping[str, ArrayLike], guards: Iterable[str]) -> list[str]:
    """The guards by which more than half of a policy's samples are worse than 95 % of init's.

    Training moves guards on purpose, and with enough samples each such change is significant; a collapse is one that
    leaves the range in which init's samples lie.

    Args:
        scores: ``{reward: [S]}`` per-sample scores of the policy.
        init: ``{reward: [S]}`` those of the initialisation.
        guards: names of rewards that are only watched.

    >>> collapsed({"realism": [-9.0, -8.0, -1.0]}, {"realism": [-1.0, -2.0, -1.5]}, ["realism"])
    ['realism']
    """
    return [
        name for name in guards if np.median(np.asarray(scores[name])) < np.quantile(np.asarray(init[name]), OUTLIERS)
    ]
