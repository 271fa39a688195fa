"""The ``info`` of a simulator step as signals that rewards can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

INFO_LIMIT = 100  # numbers: larger entries of info, such as pictures, are not recorded
OWN = {
    *("observations", "actions", "applied", "native_reward", "reward_vector", "last_observations", "id"),
    *("advantages", "coefficients", "importance"),  # which training adds
}


def signal(key: str) -> str:
    """What a rollout calls the entry ``key`` of ``info``: the same, or ``info.key`` where that is its own name.

    >>> signal("x_velocity"), signal("actions")
    ('x_velocity', 'info.actions')
    """
    return f"info.{key}" if key in OWN else key


def numbers(info: Mapping[str, Any], copies: int | None = None) -> dict[str, NDArray[Any]]:
    """What is numeric in ``info``, nested dictionaries under ``outer.inner``; at most 100 numbers an entry.

    Args:
        info: of one environment, or of many.
        copies: N, where entries are ``[N, ...]``; others are left out.
    """
    found: dict[str, NDArray[Any]] = {}
    for key, value in info.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{inner}": array for inner, array in numbers(value, copies).items()}
        else:
            try:
                array = np.asarray(value)
            except ValueError:  # a ragged list
                continue
            fits = copies is None or array.shape[:1] == (copies,)
            if array.dtype.kind in "biuf" and fits and array.size <= INFO_LIMIT * (copies or 1):
                found[str(key)] = array
    return found


def gathered(infos: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The numbers of N environments as ``{key: [N, ...]}``, 0 where one lacks a key or has it in another shape."""
    columns: dict[str, NDArray[Any]] = {}
    for index, info in enumerate(infos):
        for key, value in info.items():
            column = columns.setdefault(key, np.zeros((len(infos), *value.shape)))
            if column.shape[1:] == value.shape:
                column[index] = value
    return columns
