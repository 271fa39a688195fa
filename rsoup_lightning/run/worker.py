"""``Worker``: computes stages of a run that somebody else drives, from the run folder alone."""

from __future__ import annotations

import gc
import traceback
from contextlib import suppress
from pathlib import Path

from rsoup_lightning.errors import RSoupError, RunFolderError, WorkerDiedError
from rsoup_lightning.run.console.progress import StageProgress
from rsoup_lightning.run.experiment import Experiment
from rsoup_lightning.run.folders.folder import RunFolder
from rsoup_lightning.run.folders.stages import plan
from rsoup_lightning.run.launchers.launcher import Ended
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.team import Team


class Worker:
    """Computes stages, with one model in memory.

    Args:
        run: the folder of a run that has begun; of several seeds each has a folder of its own in it.
        progress: where to show how it goes.
    """

    def __init__(self, run: Path, progress: StageProgress) -> None:
        self.run = run
        self.progress = progress
        self._team = Team(run, progress)
        self._current: tuple[Path, Experiment] | None = None

    def warm_up(self) -> None:
        """Build what the stages of the run need, before there is one: of several seeds it is not known which comes."""
        if not any(self.run.glob("seed-*/config.yaml")):
            with suppress(Exception):  # a stage will say so
                self.experiment(self.run)

    def attempt(self, stage: str) -> Ended:
        """Compute a stage, and say how that ended."""
        try:
            self.compute(stage)
        except RSoupError as error:
            return Ended(stage, str(error), died=isinstance(error, WorkerDiedError))
        except Exception as error:  # of the user's own code, or ours: others go on
            self.progress.say(traceback.format_exc())
            return Ended(stage, f"{type(error).__name__}: {error}")
        return Ended(stage)

    def compute(self, stage: str) -> None:
        """Compute a stage, such as ``experts/risky``, or ``seed-0/experts/risky`` where there are several seeds.

        Raises:
            RunFolderError: there is no run.
            UnknownNameError: there is no such stage.
            RSoupError: whatever stops it; what was computed until then stays, and the same call goes on from there.
        """
        seed, _, rest = stage.partition("/")
        several = (self.run / seed / "config.yaml").exists()
        folder, name = (self.run / seed, rest) if several else (self.run, stage)
        self._team.compute(self.experiment(folder), name, stage)

    def close(self) -> None:
        """End processes that train together with this one."""
        self._team.close()

    def experiment(self, folder: Path) -> Experiment:
        """The experiment in a folder, built anew where it is another than the last.

        Raises:
            RunFolderError: there is no run.
            RSoupError: what its recipe describes cannot be built here.
        """
        if self._current is None or self._current[0] != folder:
            self._current = None
            gc.collect()
            self._current = folder, self._built(folder)
        return self._current[1]

    def _built(self, folder: Path) -> Experiment:
        if not (folder / "config.yaml").exists():
            raise RunFolderError(f"{folder} is no run: give the folder of one that rsoup soup has begun")
        recipe = Recipe.of_run(folder)
        seed = recipe.config.seed_everything
        module = recipe.fine_tuner(seed)
        whole = plan(recipe.settings, recipe.check(module), recipe.epochs)
        name = self.run.resolve().name
        return Experiment(recipe, whole, name, self.progress, seed, RunFolder(folder), module)
