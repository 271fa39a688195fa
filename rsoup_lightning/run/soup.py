"""A recipe run in a folder, for one seed or several, up to the report."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from rsoup_lightning.files import write_json
from rsoup_lightning.front.record import Record, Stages, read_record
from rsoup_lightning.front.seeds import combine_seeds
from rsoup_lightning.merging import read_weights
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.report.page import write_report
from rsoup_lightning.run.console.progress import RunProgress
from rsoup_lightning.run.driver import drive
from rsoup_lightning.run.experiment import Experiment
from rsoup_lightning.run.folders.folder import RunFolder, environment_record, opened
from rsoup_lightning.run.folders.lineage import check_lineage
from rsoup_lightning.run.folders.stages import FRONT, Graph, Plan, has_weights, plan
from rsoup_lightning.run.launchers.here import Here
from rsoup_lightning.run.launchers.launch import Launch
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.team import Team


@dataclass(frozen=True)
class SeedRun:
    """A run under one seed.

    Attributes:
        prefix: of its stages' names, where there are several seeds.
        seed: of everything random.
        folder: where it is.
    """

    prefix: str
    seed: int
    folder: RunFolder


class SoupRun:
    """The runs of a recipe under all its seeds, of which one at a time has its model in memory.

    Args:
        runs: one per seed.
        plan: of each.
        make: an experiment, of a seed, its folder and a fine-tuner.
        build: a fine-tuner, of a seed.
        ready: the fine-tuner of the first seed, in a list that nobody else keeps it from.
        team: computes trainings that are to use several devices.
    """

    def __init__(
        self,
        runs: Sequence[SeedRun],
        plan: Plan,
        make: Callable[[int, RunFolder, RewardFineTuner], Experiment],
        build: Callable[[int], RewardFineTuner],
        ready: list[RewardFineTuner],
        team: Team,
    ) -> None:
        self.runs = runs
        self.plan = plan
        self._make, self._build, self._ready, self._team = make, build, ready, team
        self._current: tuple[SeedRun, Experiment] | None = None

    @cached_property
    def of_one(self) -> Graph:
        """The stages of one seed, the same for all."""
        return self._experiment(self.runs[0]).graph

    @property
    def graph(self) -> Graph:
        """The stages of all seeds."""
        names = [(run.prefix, stage, needs) for run in self.runs for stage, needs in self.of_one.items()]
        return {prefix + stage: [prefix + need for need in needs] for prefix, stage, needs in names}

    def finished(self) -> set[str]:
        """Those that are finished; weights are read, so that damage is reported before hours of others.

        Raises:
            WeightsError: weights are damaged.
            RunFolderError: a stage was made of other weights than lie there now.
            FrontError: as of :meth:`RunFolder.front`.
        """
        derived = self.plan.derived
        done = [(run, stage) for run in self.runs for stage in run.folder.finished(self.of_one, derived)]
        for run, stage in done:
            if has_weights(stage):
                read_weights(run.folder.path / stage)
        for run in self.runs:
            here = {stage for each, stage in done if each is run}
            check_lineage(run.folder, (each for each in self.plan.stages if {each.name, *each.sources} <= here))
        return {run.prefix + stage for run, stage in done}

    def epochs(self, finished: set[str]) -> int:
        """Training epochs of finished stages."""
        done = [
            each for run in self.runs for each in self.plan.trainings.values() if run.prefix + each.name in finished
        ]
        return sum(training.epochs for training in done)

    def compute(self, stage: str) -> None:
        """Compute a stage of any seed."""
        run = next(run for run in self.runs if stage.startswith(run.prefix))
        self._team.compute(self._experiment(run), stage.removeprefix(run.prefix), stage)

    def fronts(self) -> dict[str, Callable[[], None]]:
        """What writes the front and the report of each seed, by the name of that stage."""
        return {run.prefix + FRONT: partial(self._write, run) for run in self.runs}

    def records(self, run: SeedRun) -> Stages:
        """What was recorded of the trainings of a seed, and of what was made of them."""
        return {stage.name: run.folder.stage(stage.name) for stage in self.plan.stages}

    def _write(self, run: SeedRun) -> None:
        self.report(run, self._experiment(run).front())

    def report(self, run: SeedRun, record: Record) -> None:
        """Write the report of a seed."""
        path = run.folder.path
        write_report(path, record, shown=path / "shown", seeds=[self.records(run)])

    def _experiment(self, run: SeedRun) -> Experiment:
        if self._current is None or self._current[0] is not run:
            self._current = None
            gc.collect()  # a trainer and its module hold each other
            module = self._ready.pop() if self._ready else self._build(run.seed)
            self._current = run, self._make(run.seed, run.folder, module)
        return self._current[1]


def run_soup(recipe: Recipe, run_dir: Path, seeds: Sequence[int], launch: Launch | None = None) -> Record:
    """Run a recipe, or go on where it stopped, and write its front and report.

    Args:
        recipe: what to run.
        run_dir: the run folder; of several seeds each has a folder of its own in it.
        seeds: at least one.
        launch: who computes the stages; None: this process, one after another.

    Returns:
        The content of front.json.

    Raises:
        RSoupError: whatever stops it; what was finished stays, and the same call goes on from there.
    """
    recipe.check_data()
    ready = [recipe.fine_tuner(seeds[0])]
    rewards = recipe.check(ready[0])
    if launch or recipe.config.trainer.devices > 1:
        recipe.check_elsewhere()
    whole = plan(recipe.settings, rewards, recipe.epochs)
    name, epochs = run_dir.resolve().name, len(seeds) * sum(training.epochs for training in whole.trainings.values())
    with RunProgress(name, epochs) as progress, ExitStack() as stack:
        runs = _opened(recipe, run_dir, seeds, stack, progress.say)
        make = partial(Experiment, recipe, whole, name, progress)
        team = Team(run_dir, progress)
        stack.callback(team.close)
        soup = SoupRun(runs, whole, make, recipe.fine_tuner, ready, team)
        finished = soup.finished()
        progress.count(soup.epochs(finished))
        left, devices = len(soup.graph.keys() - finished - soup.fronts().keys()), recipe.config.trainer.devices
        launcher = (
            launch.start(run_dir, recipe.device, devices, progress, left) if launch else Here(soup.compute, soup.graph)
        )
        stack.callback(launcher.close)
        drive(soup.graph, finished, launcher, soup.fronts(), progress.say)
        records = [read_record(run.folder.path / "front.json") for run in runs]
        for run, record in zip(runs, records, strict=True):
            if run.prefix + FRONT in finished:
                soup.report(run, record)
        if len(runs) > 1:
            records = [combine_seeds(records)]
            write_json(run_dir / "front.json", records[0])
            shown = runs[0].folder.path / "shown"
            write_report(run_dir, records[0], shown=shown, seeds=[soup.records(run) for run in runs])
    return records[0]


def _opened(
    recipe: Recipe, run_dir: Path, seeds: Sequence[int], stack: ExitStack, say: Callable[[str], None]
) -> list[SeedRun]:
    """The folders of all seeds, and that of the run, ours until ``stack`` is closed."""
    device, several, runs = str(recipe.device), len(seeds) > 1, []
    if several:
        stack.enter_context(opened(run_dir, recipe.resolved(seeds=list(seeds)), environment_record(seeds, device)))
    for seed in seeds:
        prefix = f"seed-{seed}/" if several else ""
        config, about = recipe.resolved(seed_everything=seed), environment_record([seed], device)
        folder, changed = stack.enter_context(opened(run_dir / prefix, config, about))
        for what, change in changed.items():
            say(f"note: {what} {change} since this run began; it may not end as an uninterrupted one")
        runs.append(SeedRun(prefix, seed, folder))
    return runs
