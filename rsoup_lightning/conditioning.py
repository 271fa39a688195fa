"""``Conditioning``: how experts are trained together, and at which λ the rows of a rollout play.

Notation: E experts, M points λ of a rollout, B rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from rsoup_lightning.errors import CoefficientError, ConfigError, check_at_least_one
from rsoup_lightning.simplex import rows_per_point

COEFFICIENTS = "coefficients"
MOST = 8  # λ of a rollout, where nobody says how many


@dataclass(frozen=True)
class Conditioning:
    """How experts are trained together.

    Args:
        rewards: E rewards, whose experts these are.
        points: M, how many λ are drawn for each training rollout; as many groups of its prompts or simulators, of one
            size, play one each. None: as many as can, up to ``MOST``.
        concentration: of the symmetric Dirichlet distribution they are drawn from: 1 is uniform on the simplex, less
            prefers its corners.
        advantages: of the μ-weighted sum of rewards ("sum"), or of each reward, then μ-weighted ("each").

    Raises:
        ConfigError: a number that is too small.
    """

    rewards: tuple[str, ...]
    points: int | None = None
    concentration: float = 1.0
    advantages: Literal["sum", "each"] = "sum"

    def __post_init__(self) -> None:
        if self.points is not None:
            check_at_least_one(points=self.points)
        if not 0 < self.concentration < np.inf:
            raise ConfigError(f"concentration is {self.concentration}: it must be above 0")

    def draw(self, seed: int) -> list[tuple[float, ...]]:
        """M points λ; as they come from a generator of their own, what else is random in a step is as without them."""
        generator = np.random.default_rng(seed)
        drawn = generator.dirichlet([self.concentration] * len(self.rewards), self.points)
        return [tuple(point) for point in drawn.tolist()]

    def fitting(self, entries: int | None, *, several: bool) -> Conditioning:
        """With M, of rollouts of so many prompts or simulators.

        Args:
            entries: as of :class:`environment.Environment`.
            several: whether the policy plays several λ at a time.

        Raises:
            ConfigError: the rows of a rollout cannot be shared out among M.
        """
        if self.points is None:
            most = MOST if several else 1
            return replace(self, points=max(each for each in range(1, most + 1) if (entries or 1) % each == 0))
        if self.points > 1 and not several:
            raise ConfigError(
                f"soup.method.init_args.points is {self.points}: this policy of whole weights plays one λ at a time, "
                "so set it to 1, or leave it out"
            )
        with divisor(self.points):
            rows_per_point(entries or self.points, self.points)
        return self


@contextmanager
def divisor(points: int) -> Iterator[None]:
    """Names the setting where the block finds that a rollout cannot be shared out among so many λ."""
    try:
        yield
    except CoefficientError as error:
        raise ConfigError(
            f"soup.method.init_args.points is {points}: {error}; set it to a divisor of the prompts or simulators of a "
            "rollout, or leave it out"
        ) from None
