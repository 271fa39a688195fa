"""Experts that play at any λ, and the rows of a batch that they play, each at its own.

Notation: E experts, M points λ, B rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

from rsoup_lightning.errors import CoefficientError, ConfigError
from rsoup_lightning.policy import Policy, Soups, Weights
from rsoup_lightning.simplex import DRAWN, LINEAR, OF_OUTPUTS, Coefficients

T = TypeVar("T")
POINTS_SHOWN = 3


def prepared(policy: Policy, experts: Sequence[Weights], mixing: str) -> Soups | None:
    """The experts ready to play at many λ; None where their weights are to be merged at one λ after another.

    Raises:
        ConfigError: this kind of policy cannot mix its experts so.
    """
    if mixing == LINEAR:
        return policy.soups(experts)
    ensembles = policy.ensembles(experts, drawn=mixing == DRAWN) if mixing in OF_OUTPUTS else None
    if ensembles is None:
        raise ConfigError(f"{type(policy).__name__} cannot mix experts by {mixing}: choose another method")
    return ensembles


class Mixture(Protocol):
    """Experts of one policy, in memory once, that play at any λ."""

    @property
    def experts(self) -> tuple[str, ...]:
        """Their names, in the order of coefficients."""

    @property
    def side_by_side(self) -> bool:
        """Whether rows at different λ can share a batch."""

    def mixed(self, points: Sequence[Coefficients]) -> Policy:
        """What plays M points λ, its rows in one group per λ, in order; where they do not share a batch, until the next
        call.

        Raises:
            ConfigError: different λ of experts that cannot play side by side.
        """


@dataclass(frozen=True)
class Rows:
    """The rows of a batch, each at its λ, and the policies that play them.

    Attributes:
        mixture: the experts.
        at: λ of all rows, or one for each.
        each: whether every row has its own.
    """

    mixture: Mixture
    at: Sequence[Coefficients]
    each: bool = True

    def __str__(self) -> str:
        """λ, as players show it."""
        points = [
            ", ".join(
                f"{name} {weight:.3g}" for name, weight in zip(self.mixture.experts, point, strict=True) if weight
            )
            for point in self.at
        ]
        return "; ".join(
            points if len(points) <= POINTS_SHOWN else [*points[:POINTS_SHOWN], f"... ({len(points)} rows)"]
        )

    def points(self, count: int) -> list[Coefficients]:
        """The λ of each of ``count`` rows.

        Raises:
            CoefficientError: every row has its own λ, and there are more or fewer of these.
        """
        if self.each and count != len(self.at):
            raise CoefficientError(f"{len(self.at)} λ for {count} rows: give one for each")
        return list(self.at) if self.each else [*self.at] * count

    @cached_property
    def _together(self) -> Policy:
        """What plays all rows at once, mixed once however often they play."""
        return self.mixture.mixed(self.at if self.each else self.at[:1])

    def __call__(self, count: int, play: Callable[[Policy, list[int]], Iterable[T]]) -> list[T]:
        """What ``play`` makes of ``count`` rows.

        Args:
            count: B.
            play: takes a policy and the numbers of the rows that it plays, and gives something for each of them.

        Raises:
            CoefficientError: as of :meth:`points`.
        """
        points = self.points(count)
        if self.mixture.side_by_side:
            return list(play(self._together, list(range(count)))) if count else []
        made: dict[int, T] = {}
        for point in dict.fromkeys(points):  # those at one λ after those at another
            numbers = [row for row, own in enumerate(points) if own == point]
            made |= zip(numbers, play(self.mixture.mixed([point]), numbers), strict=True)
        return [made[row] for row in range(count)]
