"""The cells of a suite: each is a run of one method on one task under one seed, in a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rsoup_lightning.comparing.record import CellResult
from rsoup_lightning.comparing.suite import Box, Suite, SuiteMethod, SuiteTask
from rsoup_lightning.errors import ConfigError, RSoupError
from rsoup_lightning.files import atomic_output, read_json, write_json
from rsoup_lightning.front.geometry import normalised_hypervolume
from rsoup_lightning.front.record import Record
from rsoup_lightning.methods.method import INIT, Stage
from rsoup_lightning.playing.train import resolve
from rsoup_lightning.run.claim import claim
from rsoup_lightning.run.folder import RunFolder
from rsoup_lightning.run.launchers.launch import Launch
from rsoup_lightning.run.recipe import Recipe
from rsoup_lightning.run.soup import run_soup
from rsoup_lightning.run.stages import FRONT, plan

OF_TRAININGS = ("experts", "init_preference", "init_epochs", "normalise", "validate_every", "keep")
"""What of soup's settings trainings depend on."""


@dataclass(frozen=True)
class Cell:
    """A run of a suite.

    Attributes:
        task: on which.
        method: by which.
        seed: of everything random.
        recipe: the task's and the method's, for as many epochs as the method is allowed.
        box: of the task; its rewards get an expert.
        beside: further boxes, by the name of their results.
        path: the run folder.
    """

    task: str
    method: str
    seed: int
    recipe: Recipe
    box: Box
    beside: dict[str, Box]
    path: Path

    @property
    def folder(self) -> RunFolder:
        """The state of the run."""
        return RunFolder(self.path)

    @property
    def trainings(self) -> list[Stage]:
        """All that it trains, init among it."""
        return trainings(self.recipe, self.box, self.recipe.epochs)

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
        """Run it, or go on where it stopped, or read what it found.

        Args:
            launch: who computes the stages; None: this process.
            others: cells that have run; what one of them has trained is not trained again, but counts as if it were.

        Returns:
            What it found, in each box.

        Raises:
            RSoupError: whatever stops it; what was finished stays, and the same call goes on from there.
        """
        claim(self.path, self.config)
        record = self.folder.front()
        if record is None:
            self._take(others)
            record = run_soup(self.recipe, self.path, [self.seed], launch)
        return [self._result(record, task, box) for task, box in {self.task: self.box, **self.beside}.items()]

    def _take(self, others: Sequence[Cell]) -> None:
        """Copy what others have trained that this one would train alike: init, and experts that begin at it."""
        others = [other for other in others if other.common == self.common]
        for stage in self.trainings:
            if self.folder.is_recorded(stage.name) or stage.start not in (None, INIT):
                continue
            for other in others:
                if other.folder.is_done(stage.name) and _plainly(stage) in map(_plainly, other.trainings):
                    with atomic_output(self.path / stage.name, overwrite=True) as temporary:
                        shutil.copytree(other.path / stage.name, temporary)
                    record = read_json(other.folder.record_of(stage.name), "delete it, and the stage is computed anew")
                    write_json(self.folder.record_of(stage.name), record)
                    break

    def _result(self, record: Record, task: str, box: Box) -> CellResult:
        scores = [
            {name: point["scores"][name] for name in box}
            for point in record["points"]
            if point["kind"] in ("expert", "soup")
        ]
        corners = [*zip(*box.values(), strict=True)]
        records = {stage.name: self.folder.stage(stage.name) for stage in self.trainings}
        init = records.pop(INIT)
        front = read_json(self.folder.record_of(FRONT), "delete it, and all λ are evaluated anew")
        return CellResult(
            task=task,
            method=self.method,
            seed=self.seed,
            hypervolume=normalised_hypervolume([[*point.values()] for point in scores], corners),
            points=scores,
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


def cells_of(suite: Suite, source: Path, output: Path) -> list[Cell]:
    """The cells of a suite, one seed of a task after another.

    Args:
        suite: which.
        source: the folder it was read in.
        output: where the cells go.

    Raises:
        RSoupError: a recipe cannot be read, or asks for what cannot be, alone or for a method's cost.
    """
    found = []
    for name, task in suite.tasks.items():
        file = source / task.recipe
        written = str(file if file.is_file() else task.recipe)
        allowed = len(task.box) * resolve(written, {**task.overrides, **_own(task)})[0].epochs
        recipes = {each: _recipe(name, task, each, method, written, allowed) for each, method in suite.methods.items()}
        beside = {key: box for key, box in task.boxes(name).items() if key != name}
        for seed in suite.seeds:
            for method, recipe in recipes.items():
                path = output / name / method / f"seed-{seed}"
                found.append(Cell(name, method, seed, recipe, task.box, beside, path))
    return found


def _own(task: SuiteTask) -> dict[str, Any]:
    """Keys of a recipe that follow from the suite."""
    return {"soup.experts": [*task.box], "soup.morl": [], "soup.reference_point": None}


def _recipe(name: str, task: SuiteTask, method_name: str, method: SuiteMethod, source: str, epochs: int) -> Recipe:
    """A task's recipe by a method that is allowed so many epochs, times its cost."""
    recipe, _ = resolve(source, {**task.overrides, **method.overrides, **_own(task)})
    allowed = int(method.cost * epochs + 1e-9)

    def needed(epochs: int) -> int:
        return sum(stage.epochs for stage in trainings(recipe, task.box, epochs) if stage.start)

    fitting = allowed
    least = recipe.settings.method.least_epochs
    try:
        while fitting >= least and needed(fitting) > allowed:
            fitting -= 1
        if fitting < least:
            raise ConfigError(
                f"it needs {needed(least)} epochs at least, and may have {allowed}: raise methods.{method_name}.cost, "
                f"or trainer.max_epochs of tasks.{name}"
            )
    except RSoupError as error:
        raise ConfigError(f"methods.{method_name} cannot train on {name}: {error}") from error
    recipe.config.trainer.max_epochs = fitting
    return recipe
