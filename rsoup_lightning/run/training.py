"""``Training``: init, experts and baselines of a run, each trained in the one model of a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning as L

from rsoup_lightning.conditioned import conditioned
from rsoup_lightning.errors import ConfigError, RunFolderError, StageError
from rsoup_lightning.evaluation import reward_statistics
from rsoup_lightning.files import read_json, write_json
from rsoup_lightning.merging import read_weights, write_weights
from rsoup_lightning.merging.disk.io import FILE_NAME
from rsoup_lightning.methods.method import INIT, Derived, Stage
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.run.console.progress import ProgressCallback, StageProgress
from rsoup_lightning.run.console.signals import OwnSignals
from rsoup_lightning.run.folders.folder import RunFolder
from rsoup_lightning.run.folders.lineage import hashes
from rsoup_lightning.run.folders.stages import NORMALISATION
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.trainer.logs import Place, close
from rsoup_lightning.run.trainer.memory import count_memory_anew, most_memory
from rsoup_lightning.run.trainer.moving_reference import MovingReference
from rsoup_lightning.run.trainer.stage_checkpoint import BeforeOthers, StageCheckpoint
from rsoup_lightning.run.trainer.trainer_settings import of_lightning
from rsoup_lightning.run.trainer.validation import Validation


class Training:
    """Trains what a run is made of, each stage from its checkpoint if there is one.

    Args:
        recipe: of the run.
        rewards: those that span the front.
        seed: of everything random.
        name: of the run, all its seeds included.
        folder: of the run.
        progress: where to show how it goes.
        module: its one model.
    """

    def __init__(
        self,
        recipe: Recipe,
        rewards: Sequence[str],
        seed: int,
        name: str,
        folder: RunFolder,
        progress: StageProgress,
        module: RewardFineTuner,
    ) -> None:
        self.recipe = recipe
        self.rewards = rewards
        self.seed = seed
        self.name = name
        self.folder = folder
        self.progress = progress
        self.module = module

    def train(self, stage: Stage) -> None:
        """Train a stage and record it; of several processes, the first one does that.

        Raises:
            RSoupError: whatever stops it; what was trained until then stays.
        """
        if self.recipe.leads:
            self.progress.stage(f"{stage.name} (μ: {_written(stage.preference)})", stage.epochs)
        count_memory_anew(self.recipe.device)
        self._prepare(stage)
        with conditioned(self.module, stage.conditioning) if stage.conditioning else nullcontext():
            checkpoint = StageCheckpoint(self.folder.path / stage.name / "last.ckpt")
            validation = Validation(self.recipe.settings.validate_every, self._init_scores(stage))
            self._fit(stage, checkpoint, validation)
            if self.recipe.leads:
                self._keep(stage, checkpoint, validation)

    def _keep(self, stage: Stage, checkpoint: StageCheckpoint, validation: Validation) -> None:
        """Write what a training ends with, and record it."""
        path = self.folder.path / stage.name
        best = self.recipe.settings.keep == "best" and stage.epochs > 0
        if best:
            self.module.policy.load_weights(validation.weights)
            self.progress.say(f"{stage.name} keeps {validation.described()}")
        weights = self.module.policy.weights()
        if any(tensor.is_floating_point() and tensor.isnan().any() for tensor in weights.values()):
            raise StageError(f"{stage.name} ends with weights that are NaN: it has diverged, lower the learning rate")
        write_weights(path, weights)
        self.module.policy.export(path)
        self.folder.finish(
            stage.name,
            {
                "preference": stage.preference,
                "seconds": round(checkpoint.seconds, 1),
                "memory": most_memory(self.recipe.device),
                "sources": hashes(self.folder, stage),
                "steps": int(self.module.steps_taken),
                "unit": self.module.environment.unit,
                "history": checkpoint.history,
                "limits": self.module.guards.in_force,
                "validation": validation.history,
                "kept": validation.kept["epochs"] if best else stage.epochs,
            },
        )
        checkpoint.remove()

    def derive(self, stage: Derived) -> dict[str, Any]:
        """Make a stage's weights of those of its sources.

        Returns:
            What is to be recorded of it.

        Raises:
            WeightsError: a source is damaged.
            MergeError: sources that do not fit each other.
        """
        path, sources = self.folder.path, [read_weights(self.folder.path / source) for source in stage.sources]
        made = stage.make(sources)
        self.module.policy.load_weights(made.weights)
        write_weights(path / stage.name, self.module.policy.weights())
        self.module.policy.export(path / stage.name)
        return {"sources": hashes(self.folder, stage), "lost": made.lost}

    def measure(self) -> None:
        """Measure mean and standard deviation of every reward on init's completions, and keep them beside init.

        Raises:
            RSoupError: a reward that has no scale, or cannot be computed.
        """
        module = self.module.to(self.recipe.device)
        module.prepare(module.preference, init_weights=str(self.folder.path / INIT / FILE_NAME))
        statistics = reward_statistics(
            module.environment,
            {name: module.rewards[name] for name in (*self.rewards, *module.guards.guards)},  # of these it consists
            module.policy,
            rollouts=self.recipe.settings.normalise,
            completions=module.algorithm.completions,
            seed=self.seed,
            constant=module.guards.guards.keys() - {*self.rewards},
        )
        module.environment.close()
        write_json(self._statistics, statistics)

    @property
    def _statistics(self) -> Path:
        return self.folder.path / INIT / f"{NORMALISATION}.json"

    def _normalisation(self) -> dict[str, tuple[float, float]] | None:
        """What was measured of init's rewards; None where the recipe leaves rewards as they are."""
        if not self.recipe.settings.normalise:
            return None
        cure = "delete it, and it is measured again"
        statistics = read_json(self._statistics, cure)
        try:
            return {name: (float(mean), float(spread)) for name, (mean, spread) in statistics.items()}
        except (AttributeError, TypeError, ValueError):
            reason = f"{self._statistics} holds no mean and standard deviation of each reward"
            raise RunFolderError(f"{reason}: {cure}") from None

    def _prepare(self, stage: Stage) -> None:
        """Turn the module to a stage."""
        normalisation = self._normalisation() if stage.start else None
        L.seed_everything(self.seed, verbose=False)
        weights = str(self.folder.path / stage.start / FILE_NAME) if stage.start else None
        guarded, before = stage.start is not None, stage.epochs_before
        self.module.prepare(stage.preference, normalisation, weights, guarded=guarded, epochs_before=before)

    def _init_scores(self, stage: Stage) -> dict[str, float] | None:
        """Init's on the development split, as a training of the first round recorded them; None where it is to do so.

        Raises:
            RunFolderError: its record is damaged.
        """
        if stage.start is None or stage.start == INIT or not self.recipe.settings.validate_every:
            return None
        record = self.folder.stage(stage.start)
        while "validation" not in record or INIT not in record["sources"]:  # the first of its trainings began at init
            record = self.folder.stage(next(iter(record["sources"])))
        return record["validation"][0]["scores"]  # type: ignore[no-any-return]

    def _fit(self, stage: Stage, checkpoint: StageCheckpoint, validation: Validation) -> None:
        """Train the stage, from its checkpoint if there is one; a stage of no epochs is the policy it starts from."""
        if not stage.epochs:
            return
        place = Place(self.folder.path, self.name, self.folder.id, stage.name)
        trainer = self.recipe.trainer(place, stage.epochs)
        own: list[L.Callback] = [validation] if validation.every else []
        own += [MovingReference(stage.reference_rate)] if stage.reference_rate else []
        own += [ProgressCallback(self.progress)] if self.recipe.leads else []
        first = [OwnSignals(), BeforeOthers(checkpoint)]
        trainer.callbacks = [*first, *trainer.callbacks, *own, checkpoint]  # type: ignore
        try:
            with of_lightning():
                trainer.fit(self.module, ckpt_path=checkpoint.resume(trainer), weights_only=True)
        except SystemExit as stop:
            if isinstance(stop.__context__, KeyboardInterrupt):  # Ctrl-C, of which Lightning makes this
                raise stop.__context__ from None
            raise
        finally:
            close(trainer.loggers)
        if trainer.current_epoch < stage.epochs:
            raise ConfigError(
                f"{stage.name} ended at epoch {trainer.current_epoch} of {stage.epochs}: "
                "remove the callback that stops it"
            )


def _written(preference: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:.3g}" for name, weight in preference.items())
