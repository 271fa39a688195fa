"""Whether a policy has collapsed: what it produces is mostly unlike what it started from, as a guard sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

OUTLIERS = 0.05
"""The share of init's own completions that count as bad."""


def collapsed(scores: Mapping[str, ArrayLike], init: Mapping[str, ArrayLike], guards: Iterable[str]) -> list[str]:
    """The guards by which a policy is no longer what it was.

    Training moves guards on purpose, and with enough completions each such change is significant. A collapse leaves
    the range in which init's completions lie: more than half of the policy's are worse than 95 % of init's. A guard
    that only says yes (1) or no (0) has no such range: by it, the policy has lost more than half of init's yeses, and
    not by chance (two standard errors of their difference).

    Args:
        scores: ``{reward: [S]}`` scores of the policy's completions.
        init: ``{reward: [S]}`` those of the initialisation.
        guards: names of rewards that are only watched.

    >>> collapsed({"realism": [-9.0, -8.0, -1.0]}, {"realism": [-1.0, -2.0, -1.5]}, ["realism"])
    ['realism']
    """
    return [name for name in guards if _lost(np.asarray(scores[name]), np.asarray(init[name]))]


def _lost(scores: NDArray[np.floating], init: NDArray[np.floating]) -> bool:
    if not np.isin(np.concatenate([scores, init]), (0, 1)).all():
        worse, median = np.quantile(init, OUTLIERS), np.median(scores)
        return bool(median < worse and not np.isclose(median, worse, rtol=1e-6, atol=0))  # of float32's rounding
    share, before = scores.mean(), init.mean()
    error = np.sqrt(share * (1 - share) / scores.size + before * (1 - before) / init.size)
    return bool(share < before / 2 and before - share > 2 * error)
