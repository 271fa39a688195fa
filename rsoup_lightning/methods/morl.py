"""``MORL``: a training per preference, and nothing merged. The rival that costs as many trainings as it serves μ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.methods.method import Method, Preference, expert_name
from rsoup_lightning.simplex import Coefficients, check_preference, grid, one_hot


class MORL(Method):
    """Each expert is trained on the μ-weighted sum of rewards; a preference gets the expert of the nearest μ.

    Args:
        preferences: the μ to train on, each reward to weight; or how many per edge of the simplex, its corners
            included.
    """

    def __init__(self, preferences: int | list[dict[str, float]] = 11) -> None:
        self.preferences = preferences

    def experts(self, rewards: Sequence[str]) -> dict[str, Preference]:
        if isinstance(self.preferences, int):
            trained = [dict(zip(rewards, point, strict=True)) for point in grid(len(rewards), self.preferences)]
        else:
            trained = [check_preference(preference, rewards) for preference in self.preferences]
        named = {expert_name(preference): preference for preference in trained}
        if not named or len(named) < len(trained):
            raise ConfigError(f"soup.method needs preferences, each of them once: got {self.preferences}")
        return named

    def coefficients(self, preference: Sequence[float], rewards: Sequence[str]) -> Coefficients:
        trained = matrix(self.experts(rewards))
        return one_hot(len(trained))[int(np.linalg.norm(trained - np.asarray(preference), axis=1).argmin())]


def matrix(experts: dict[str, Preference]) -> np.ndarray:
    """``[E, R]`` the μ of all experts."""
    return np.array([list(preference.values()) for preference in experts.values()])
