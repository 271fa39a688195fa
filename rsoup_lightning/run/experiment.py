"""``Experiment``: all stages of a run under one seed, by their names."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path

from rsoup_lightning.errors import StageError, UnknownNameError
from rsoup_lightning.files import sha256, write_json
from rsoup_lightning.front.record import Record
from rsoup_lightning.front.results import Point, front_record
from rsoup_lightning.methods.method import Derived, Stage
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.report.shown import worth_filming, write_shown
from rsoup_lightning.run.console.progress import StageProgress
from rsoup_lightning.run.folders.folder import RunFolder
from rsoup_lightning.run.folders.stages import BASELINES, FRONT, NORMALISATION, SWEEP, Graph, Plan, graph
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.sweep import RunSweep
from rsoup_lightning.run.training import Training


class Experiment:
    """The stages of a run in a folder, each of which can be computed again, and goes on where it stopped.

    Args:
        recipe: what to run.
        plan: what is to be trained.
        name: of the run, all its seeds included.
        progress: where to show how it goes.
        seed: of everything random.
        folder: the run folder, already claimed for this recipe and seed.
        module: the fine-tuner as the recipe builds it for this seed: the one model of all stages.
    """

    def __init__(
        self,
        recipe: Recipe,
        plan: Plan,
        name: str,
        progress: StageProgress,
        seed: int,
        folder: RunFolder,
        module: RewardFineTuner,
    ) -> None:
        self.recipe = recipe
        self.plan = plan
        self.progress = progress
        self.folder = folder
        self.module = module
        self.training = Training(recipe, plan.rewards, seed, name, folder, progress, module)
        self.sweep = RunSweep(recipe, plan, folder, module)

    @property
    def graph(self) -> Graph:
        """All stages, and what must be finished before each."""
        return graph(self.plan.stages, self.sweep.blocks, normalise=self.recipe.settings.normalise > 0)

    @property
    def finished(self) -> list[str]:
        """Those of them that are."""
        return self.folder.finished(self.graph, self.plan.derived)

    def compute(self, name: str) -> None:
        """Compute a stage other than the front, and record that it is finished.

        Raises:
            UnknownNameError: there is no such stage.
            StageError: another must be computed before it.
            RSoupError: whatever stops it; what was computed until then stays, and the same call goes on from there.
        """
        if name not in self.graph or name == FRONT:
            raise UnknownNameError("stage", name, [*self.graph])
        if not self.recipe.leads and name not in self.plan.trainings:
            return  # the first process does this alone
        with self.folder.only_worker(name) if self.recipe.leads else nullcontext():
            done = self.finished
            if name in done:
                return
            if missing := [need for need in self.graph[name] if need not in done]:
                raise StageError(f"{name} needs stages that are not finished: compute {', '.join(missing)} before it")
            if name in self.plan.trainings:
                self._train(self.plan.trainings[name])
                return
            start, more = time.perf_counter(), {}
            if derived := self.plan.derived.get(name):
                self._forget_what_follows(derived)
                more = self.training.derive(derived)
            elif name == NORMALISATION:
                self.training.measure()
            else:
                self.progress.stage(f"{name} of {len(self.sweep.blocks)}: {len(self.plan.lattice)} λ", 1)
                self.sweep.play(name)
            self.folder.finish(name, {"seconds": round(time.perf_counter() - start, 1), **more})

    def _train(self, stage: Stage) -> None:
        if self.recipe.leads:
            self._forget_what_follows(stage)
        self.training.train(stage)

    def _forget_what_follows(self, stage: Stage | Derived) -> None:
        """Count as not finished what was made of the weights that the stage had before."""
        for later in (FRONT, SWEEP, *self.plan.made_of(stage.name), *(() if stage.sources else (NORMALISATION,))):
            self.folder.forget(later)

    def front(self) -> Record:
        """The content of front.json, which is written, with what policies produced, unless it is there.

        Raises:
            RSoupError: it cannot be made of the blocks of the sweep, or cannot be written.
        """
        written = self.folder.front()
        if written is not None:
            return written
        start = time.perf_counter()
        self.module.to(self.recipe.device)  # others may have computed all that is trained and played
        points, shown = self.sweep.points()
        init = next(point for point in points if point.kind == "init")
        record = front_record(
            self.recipe.task,
            self.plan.rewards,
            points,
            experts=[*self.plan.experts],
            reference_point=self.recipe.settings.reference_point,
            training_cost=self._cost(),
            guards=[name for name, reward in self.module.rewards.items() if reward.guard],
            limits=self.module.guards.limits_from({name: float(scores.mean()) for name, scores in init.scores.items()}),
        )
        folder, file = self.folder.path / "shown", self.folder.path / "front.json"
        write_shown(folder, shown, self._films(folder, points) if self.recipe.settings.films else {})
        write_json(file, record)
        seconds = round(self.sweep.seconds() + time.perf_counter() - start, 1)
        self.folder.finish(FRONT, {"seconds": seconds, "front": sha256(file)})
        self.sweep.forget()
        return record

    def _films(self, folder: Path, points: list[Point]) -> dict[int, str]:
        """Films of the first expert, the last, and the soup nearest the middle, by the index of their point."""
        films: dict[int, str] = {}
        for index in worth_filming(points, [*self.plan.experts]):
            name = f"film-{index:03d}.webp"
            with self.sweep.policy(index) as policy:
                if not self.module.environment.film(policy, folder / name):
                    break  # there is nothing to see
            films[index] = name
        return films

    def _cost(self) -> dict[str, int]:
        """Training steps of the soup, init included, and of MORL, which trains the same and one more for each μ."""
        soup = baselines = 0
        for name, stage in self.plan.trainings.items():
            steps = self.folder.stage(name)["steps"]
            soup, baselines = (soup, baselines + steps) if stage.family == BASELINES else (soup + steps, baselines)
        return {"soup": soup, "morl": soup + baselines if baselines else 0}
