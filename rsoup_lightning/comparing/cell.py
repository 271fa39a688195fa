"""A cell of a suite: one method on one task under one seed, in a folder of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsoup_lightning.comparing.record import CellResult
from rsoup_lightning.comparing.suite import Box
from rsoup_lightning.front.geometry import normalised_hypervolume
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.run.launchers.launch import Launch
from rsoup_lightning.run.recipes.recipe import Recipe


@dataclass(frozen=True)
class Cell(ABC):
    """What of a suite runs, goes on and is read by itself.

    Attributes:
        task: on which.
        method: by which.
        seed: of everything random.
        recipe: the task's, as the method changes it.
        boxes: that of the task, whose rewards span the front, and those beside, by the name of their results.
        path: its folder.
    """

    task: str
    method: str
    seed: int
    recipe: Recipe
    boxes: dict[str, Box]
    path: Path

    def found(self, task: str, points: Sequence[Mapping[str, float]], **cost: Any) -> CellResult:
        """What it found in one box.

        Args:
            task: the name of the box.
            points: the scores of each policy by reward, those outside the box among them.
            **cost: the other fields of the result.
        """
        box = self.boxes[task]
        scores = [{name: point[name] for name in box} for point in points]
        corners = [*zip(*box.values(), strict=True)]
        volume = normalised_hypervolume([[*point.values()] for point in scores], corners)
        return CellResult(task=task, method=self.method, seed=self.seed, hypervolume=volume, points=scores, **cost)

    @property
    def parts(self) -> Sequence[Cell]:
        """The cells that it may run, each with a recipe of its own. Default: itself."""
        return [self]

    def check_data(self) -> None:
        """Require the data that its recipe asks for, before models are loaded or pre-trained.

        Raises:
            RSoupError: it is not there; names the method.
        """
        self.recipe.check_data()

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether there is nothing left to compute."""

    def check(self, module: RewardFineTuner) -> None:
        """Require that its recipe fits what the recipe builds.

        Raises:
            RSoupError: it does not; names the setting.
        """
        self.recipe.check(module)

    @abstractmethod
    def run(self, launch: Launch | None, others: Sequence[Cell]) -> list[CellResult]:
        """Run it, or go on where it stopped, or read what it found.

        Args:
            launch: who computes the stages of a run; None: this process.
            others: cells of the same task and seed that have run.

        Returns:
            What it found, in each box.

        Raises:
            RSoupError: whatever stops it; what was finished stays, and the same call goes on from there.
        """
