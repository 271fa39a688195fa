"""What the players of all modalities that take prompts share: their requests, and the seeds of rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from rsoup_lightning.errors import ConfigError

Seed = int | Sequence[int]
"""Of all rows of a batch, or one for each."""


def texts(given: Sequence[str], what: str, count: int | None = None) -> list[str]:
    """A list of texts as it was given, if it is one.

    Args:
        given: the list.
        what: its name in errors.
        count: how many it must hold; None: any number.

    Raises:
        ConfigError: it is one text, which is a sequence too, or holds something else, or too many or too few.
    """
    listed = [given] if isinstance(given, str) else list(given)
    if isinstance(given, str) or not all(isinstance(text, str) for text in listed):
        cure = ": put it into a list" if isinstance(given, str) else ""
        raise ConfigError(f"{what} must be a list of texts, not {given!r:.60}{cure}")
    if count is not None and len(listed) != count:
        raise ConfigError(f"{len(listed)} {what} for {count} rows: give one for each")
    return listed


def generators(seed: Seed, rows: Sequence[int], count: int) -> list[torch.Generator]:
    """Where the noise of ``rows`` comes from: one generator for all of them, or one for each.

    So what a row gets depends on its own request, seed and λ, and on nothing that is beside it.

    Args:
        seed: of the whole batch.
        rows: numbers of some of its rows.
        count: how many it has.

    Raises:
        ConfigError: seeds are given by row, and there are more or fewer of them.
    """
    if isinstance(seed, int | np.integer):
        return [torch.Generator().manual_seed(int(seed))]
    each = seeds(seed, count)
    return [torch.Generator().manual_seed(each[row]) for row in rows]


def seeds(seed: Seed, count: int) -> list[int]:
    """The seed of each of ``count`` rows.

    Raises:
        ConfigError: seeds are given by row, and there are more or fewer of them.
    """
    if isinstance(seed, int | np.integer):
        return [int(seed)] * count
    if len(seed) != count:
        raise ConfigError(f"{len(seed)} seeds for {count} rows: give one for each, or one for all")
    return [int(own) for own in seed]
