"""How soups for control are played: observations in, actions out.

Notation: B rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rsoup_lightning.errors import SimulationError
from rsoup_lightning.mixture import Rows
from rsoup_lightning.modalities.control.player import Player
from rsoup_lightning.modalities.control.policy import ControlPolicy
from rsoup_lightning.policy import Policy


@dataclass(frozen=True, repr=False)
class Acting:
    """Acts, each row of a batch at its λ.

    Attributes:
        rows: which policy plays which of them.
        shape: of an observation.
        decide: actions of a player's at observations ``[N, ...]``, as the environment takes them.
        simulator: makes one environment as the experts know it, its observations through Gymnasium's wrappers where
            they are no box of numbers; takes keyword arguments of Gymnasium's ``make``, such as ``render_mode``.
    """

    rows: Rows
    shape: tuple[int, ...]
    decide: Callable[[Player, NDArray[Any]], NDArray[Any]]
    simulator: Callable[..., gymnasium.Env]

    def __repr__(self) -> str:
        return f"Acting({self.rows}; act(observations))"

    def act(self, observations: ArrayLike) -> NDArray[Any]:
        """The most likely actions ``[B, ...]``, as the environment takes them, or one at one observation.

        Args:
            observations: ``[B, ...]``, or one.

        Raises:
            SimulationError: they are not observations of this environment, or not finite.
            CoefficientError: rows have a λ each, and there are more or fewer of these.
        """
        seen = self.checked(observations)
        batch = seen[None] if seen.shape == self.shape else seen

        def decide(policy: Policy, numbers: list[int]) -> Iterable[Any]:
            assert isinstance(policy, ControlPolicy)
            return self.decide(policy.player(), batch[numbers])

        actions = self.rows(len(batch), decide)
        return actions[0] if batch is not seen else np.stack(actions)

    def checked(self, observations: ArrayLike) -> NDArray[Any]:
        """Observations as an array ``[B, ...]``, or one.

        Raises:
            SimulationError: they are not observations of this environment, or not finite.
        """
        try:
            seen = np.asarray(observations)
        except ValueError:
            raise SimulationError(f"observations must all be of shape {self.shape}, and these are not alike") from None
        batch = seen[None] if seen.shape == self.shape else seen
        if batch.shape[1:] != self.shape or seen.dtype.kind not in "biuf" or not np.isfinite(batch).all():
            raise SimulationError(
                f"observations must be finite and of shape {self.shape}, or of one more dimension for a batch, and "
                f"these are {seen.dtype} of shape {seen.shape}: those of simulator() are"
            )
        return seen
