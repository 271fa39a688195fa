"""``Simulator``: many copies of one environment, stepped together.

An episode that ends is reset by the *next* step, which ignores its action (Gymnasium's ``NEXT_STEP``, and envpool's
way): the observation after an episode's last step is thus its own last one, as bootstrapping needs.

Notation: N copies, R entries of a reward vector.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SimulatorStep:
    """What one step of all copies gives.

    Attributes:
        observations: ``[N, ...]``.
        rewards: ``[N]``, or ``[N, R]`` where the environment has a reward vector.
        terminated: ``[N]`` bool.
        truncated: ``[N]`` bool.
        info: ``{key: [N, ...]}`` the numbers that the simulator reports beside, 0 for copies that lack a key; those of
            nested dictionaries under ``outer.inner``.
    """

    observations: NDArray[Any]
    rewards: NDArray[Any]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    info: dict[str, NDArray[Any]]


class Simulator(ABC):
    """N copies of an environment, each with a seed of its own, stepped together."""

    @abstractmethod
    def reset(self) -> NDArray[Any]:
        """``[N, ...]`` first observations; call it once, before the first step."""

    @abstractmethod
    def step(self, actions: NDArray[Any]) -> SimulatorStep:
        """Apply ``actions [N, ...]``."""

    @abstractmethod
    def close(self) -> None:
        """Free it."""
