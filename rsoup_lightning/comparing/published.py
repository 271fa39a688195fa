"""``Published``: what others have printed of a method, to stand beside a suite's results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.front.geometry import normalised_hypervolume


@dataclass(frozen=True)
class Published:
    """What is printed elsewhere. It is shown beside what was run, and is part of no mean, interval or comparison.

    Args:
        method: by which, as it is called there.
        source: where.
        points: the scores of every policy, by reward of the task's box, in which their hypervolume is then taken.
        figures: further numbers, by what they are.
    """

    method: str
    source: str
    points: list[dict[str, float]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def check(self, name: str, box: Mapping[str, tuple[float, float]]) -> None:
        """Require that there is something to show.

        Args:
            name: of the setting, for errors.
            box: of the task.

        Raises:
            ConfigError: there is not; names the setting.
        """
        if not (self.points or self.figures):
            raise ConfigError(f"{name} of {self.method} has neither points nor figures: give what is printed there")
        for point in self.points:
            if point.keys() != box.keys():
                raise ConfigError(f"{name} of {self.method} has a point {point}: give it a score for each of {[*box]}")
        for number in (*self.figures.values(), *(score for point in self.points for score in point.values())):
            if not isfinite(number):
                raise ConfigError(f"{name} of {self.method} has {number} in it: give numbers")

    def hypervolume(self, box: Mapping[str, tuple[float, float]]) -> float | None:
        """That of its points in the task's ``box``; None where there are none."""
        corners = [*zip(*box.values(), strict=True)]
        points = [[point[reward] for reward in box] for point in self.points]
        return normalised_hypervolume(points, corners) if points else None
