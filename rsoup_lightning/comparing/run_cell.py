"""Cells that are runs: an ordinary ``rsoup soup`` of a method of ours."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rsoup_lightning.comparing.cell import Cell
from rsoup_lightning.comparing.record import CellResult
from rsoup_lightning.comparing.suite import Box
from rsoup_lightning.files import atomic_output, read_json, write_json
from rsoup_lightning.front.record import Record
from rsoup_lightning.methods.method import INIT, Stage
from rsoup_lightning.run.folders.claim import claim
from rsoup_lightning.run.folders.folder import RunFolder
from rsoup_lightning.run.folders.lineage import hashes
from rsoup_lightning.run.folders.stages import FRONT, plan
from rsoup_lightning.run.launchers.launch import Launch
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.soup import run_soup

OF_TRAININGS = ("experts", "init_preference", "init_epochs", "normalise", "validate_every", "keep")
"""What of soup's settings trainings depend on."""


@dataclass(frozen=True)
class RunCell(Cell):
    """A run of a suite; its recipe trains for as many epochs as the method is allowed."""

    @property
    def folder(self) -> RunFolder:
        """The state of the run."""
        return RunFolder(self.path)

    @property
    def finished(self) -> bool:
        return self.folder.front() is not None

    @property
    def trainings(self) -> list[Stage]:
        """All that it trains, init among it."""
        return trainings(self.recipe, self.boxes[self.task], self.recipe.epochs)

    @property
    def config(self) -> dict[str, Any]:
        """What claims the folder."""
        return self.recipe.resolved(seed_everything=self.seed)

    @cached_property
    def common(self) -> dict[str, Any]:
        """What a training from init depends on, beside its stage."""
        config = self.config
        trainer = {key: value for key, value in config["trainer"].items() if key != "max_epochs"}
        return {**config, "trainer": trainer, "soup": {key: config["soup"][key] for key in OF_TRAININGS}}

    def run(self, launch: Launch | None, others: Sequence[Cell]) -> list[CellResult]:
        """What one of ``others`` has trained is not trained again, but counts as if it were."""
        claim(self.path, self.config)
        record = self.folder.front()
        if record is None:
            self._take([other for other in others if isinstance(other, RunCell)])
            record = run_soup(self.recipe, self.path, [self.seed], launch)
        return [self._result(record, task) for task in self.boxes]

    def _take(self, others: Sequence[RunCell]) -> None:
        """Copy what others have trained that this one would train alike: init, and experts that begin at it."""
        others = [other for other in others if other.common == self.common]
        for stage in self.trainings:
            if self.folder.is_recorded(stage.name) or stage.start not in (None, INIT):
                continue
            if stage.start and not self.folder.is_recorded(INIT):
                continue  # it is to be trained first
            for other in others:
                if self._would_train(stage, other):
                    with atomic_output(self.path / stage.name, overwrite=True) as temporary:
                        shutil.copytree(other.path / stage.name, temporary)
                    record = read_json(other.folder.record_of(stage.name), "delete it, and the stage is computed anew")
                    write_json(self.folder.record_of(stage.name), record)
                    break

    def _would_train(self, stage: Stage, other: RunCell) -> bool:
        """Whether ``other`` has trained what this one is to train, from weights that are the same to the last bit."""
        if not other.folder.is_done(stage.name) or _plainly(stage) not in map(_plainly, other.trainings):
            return False
        return bool(other.folder.stage(stage.name)["sources"] == hashes(self.folder, stage))

    def _result(self, record: Record, task: str) -> CellResult:
        records = {stage.name: self.folder.stage(stage.name) for stage in self.trainings}
        init = records.pop(INIT)
        front = read_json(self.folder.record_of(FRONT), "delete it, and all λ are evaluated anew")
        return self.found(
            task,
            [point["scores"] for point in record["points"] if point["kind"] in ("expert", "soup")],
            init_steps=init["steps"],
            steps=sum(each["steps"] for each in records.values()),
            unit=init["unit"],
            init_seconds=init["seconds"],
            seconds=sum(each["seconds"] for each in records.values()),
            evaluation_seconds=front["seconds"],
            memory=max((each["memory"] for each in records.values() if each.get("memory")), default=None),
        )


def trainings(recipe: Recipe, box: Box, epochs: int) -> list[Stage]:
    """All trainings of a run, init among them, with so many epochs per expert."""
    return [*plan(recipe.settings, list(box), epochs).trainings.values()]


def _plainly(stage: Stage) -> Stage:
    """A training without the rewards that weigh nothing in it."""
    return replace(stage, preference={name: weight for name, weight in stage.preference.items() if weight})
