"""The whole run: init, one expert per reward, λ sweep, MORL baselines, report. Every stage resumable."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import lightning as L
from torch import Tensor

from rsoup_lightning.errors import ConfigError, FrontError, RunFolderError
from rsoup_lightning.evaluation import reward_statistics
from rsoup_lightning.files import read_json, sha256, write_json
from rsoup_lightning.front.record import Record, read_record
from rsoup_lightning.front.results import Kind, Point, front_record
from rsoup_lightning.merging import read_weights, write_weights
from rsoup_lightning.merging.disk.io import FILE_NAME
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.report.shown import worth_filming, write_shown
from rsoup_lightning.run.callbacks import as_numpy, benchmark_soups, soup_point, souped
from rsoup_lightning.run.folder import RunFolder
from rsoup_lightning.run.logs import Place, close
from rsoup_lightning.run.progress import ProgressCallback, RunProgress
from rsoup_lightning.run.recipe import Recipe
from rsoup_lightning.run.stage_checkpoint import BeforeOthers, StageCheckpoint
from rsoup_lightning.run.stages import Stage
from rsoup_lightning.run.trainer_settings import of_lightning
from rsoup_lightning.run.validation import Validation
from rsoup_lightning.simplex import grid, one_hot


class Experiment:
    """Runs a recipe in a folder; run it again and it goes on where it stopped.

    Args:
        recipe: what to run.
        experts: the rewards that get an expert.
        stages: every training, in order.
        seed: of everything random.
        name: of the run, all its seeds included.
        folder: the run folder, already claimed for this recipe and seed.
        progress: where to show how it goes.
        module: the fine-tuner as the recipe builds it for this seed: the one model of all stages.
    """

    def __init__(
        self,
        recipe: Recipe,
        experts: Sequence[str],
        stages: Sequence[Stage],
        seed: int,
        name: str,
        folder: RunFolder,
        progress: RunProgress,
        module: RewardFineTuner,
    ) -> None:
        self.recipe = recipe
        self.settings = recipe.settings
        self.module = module
        self.experts = experts
        self.stages = stages
        self.seed = seed
        self.name = name
        self.folder = folder
        self.progress = progress
        self.device = recipe.device
        self._built = {name: tensor.clone() for name, tensor in module.policy.weights().items()}

    def run(self) -> Record:
        """All stages; returns the content of front.json, which is written with what policies produced.

        Raises:
            RSoupError: whatever stops it; what was finished stays, and the same call goes on from there.
        """
        for stage in self.stages:
            self._train(stage)
        file = self.folder.path / "front.json"
        if self.folder.is_recorded("sweep") and file.exists():
            record = read_record(file)
            if self.folder.front() != sha256(file):
                raise FrontError(
                    f"{file} has changed since it was written: delete it, and the same command evaluates anew without "
                    "training"
                )
            return record
        start = time.perf_counter()
        points = self._sweep()
        init = next(point for point in points if point.kind == "init")
        record = front_record(
            self.recipe.task,
            self.experts,
            points,
            reference_point=self.settings.reference_point,
            training_cost=self._cost(),
            guards=[name for name, reward in self.module.rewards.items() if reward.guard],
            limits=self.module.guards.limits_from({name: float(scores.mean()) for name, scores in init.scores.items()}),
        )
        shown = self.folder.path / "shown"
        write_shown(shown, points, self._films(shown, points) if self.settings.films else {})
        write_json(file, record)
        self.folder.finish("sweep", {"seconds": round(time.perf_counter() - start, 1), "front": sha256(file)})
        return record

    def _train(self, stage: Stage) -> None:
        path = self.folder.path / stage.name
        self.progress.stage(f"{stage.name} (μ: {_written(stage.preference)})", stage.epochs)
        if self.folder.is_done(stage.name):
            read_weights(path)  # a damaged file is reported now, not after hours of other stages
            self.progress.skip(stage.epochs)
            return
        self.folder.forget("sweep")  # of what was trained before
        checkpoint = StageCheckpoint(path / "last.ckpt")
        validation = Validation(self.settings.validate_every)
        self._fit(stage, checkpoint, validation)
        best = self.settings.keep == "best" and stage.epochs > 0
        if best:
            self.module.policy.load_weights(validation.weights)
            self.progress.say(f"{stage.name} keeps {validation.described()}")
        write_weights(path, self.module.policy.weights())
        self.module.policy.export(path)
        self.folder.finish(
            stage.name,
            {
                "preference": stage.preference,
                "seconds": round(checkpoint.seconds, 1),
                "init": sha256(self.folder.path / stage.start / FILE_NAME) if stage.start else None,
                "steps": int(self.module.steps_taken),
                "unit": self.module.environment.unit,
                "history": checkpoint.history,
                "limits": self.module.guards.in_force,
                "validation": validation.history,
                "kept": validation.kept["epochs"] if best else stage.epochs,
            },
        )
        checkpoint.remove()

    def _fit(self, stage: Stage, checkpoint: StageCheckpoint, validation: Validation) -> None:
        """Train the stage, from its checkpoint if there is one; a stage of no epochs is the policy it starts from."""
        start = self.folder.path / stage.start if stage.start else None
        normalisation = self._normalisation(start) if start else None
        L.seed_everything(self.seed, verbose=False)
        weights = str(start / FILE_NAME) if start else None
        self.module.prepare(stage.preference, normalisation, weights, guarded=start is not None)
        if not stage.epochs:
            return
        place = Place(self.folder.path, self.name, self.folder.id, stage.name)
        trainer = self.recipe.trainer(place, stage.epochs)
        progress = ProgressCallback(self.progress)
        own = [validation, progress] if validation.every else [progress]
        trainer.callbacks = [BeforeOthers(checkpoint), *trainer.callbacks, *own, checkpoint]  # type: ignore
        try:
            with of_lightning():
                trainer.fit(self.module, ckpt_path=checkpoint.resume(trainer), weights_only=True)
        except SystemExit as stop:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from stop
        finally:
            close(trainer.loggers)
        if trainer.current_epoch < stage.epochs:
            raise ConfigError(
                f"{stage.name} ended at epoch {trainer.current_epoch} of {stage.epochs}: "
                "remove the callback that stops it"
            )

    def _normalisation(self, init: Path) -> dict[str, tuple[float, float]] | None:
        """Mean and standard deviation of every reward on init's completions, measured once and kept beside init."""
        if not self.settings.normalise:
            return None
        file = init / "normalisation.json"
        if not file.exists():
            module = self.module.to(self.device)
            module.prepare(module.preference, init_weights=str(init / FILE_NAME))
            statistics = reward_statistics(
                module.environment,
                {name: module.rewards[name] for name in (*self.experts, *module.guards.guards)},  # of these it consists
                module.policy,
                rollouts=self.settings.normalise,
                completions=module.algorithm.completions,
                seed=self.seed,
                constant=module.guards.guards.keys() - {*self.experts},
            )
            module.environment.close()
            write_json(file, statistics)
        cure = "delete it, and it is measured again"
        statistics = read_json(file, cure)
        try:
            return {name: (float(mean), float(spread)) for name, (mean, spread) in statistics.items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise RunFolderError(f"{file} holds no mean and standard deviation of each reward: {cure}") from error

    def _sweep(self) -> list[Point]:
        """Evaluate every λ, init and the MORL baselines on the same prompts or seeds, all in one go."""
        lattice = grid(len(self.experts), self.settings.grid, self.settings.kind)
        experts = [stage for stage in self.stages if stage.family == "experts"]
        others = [stage for stage in self.stages if stage.family != "experts"]
        self._check_init()
        weights = [self._weights(stage.name) for stage in experts + others]
        rows = [(*point, *(0.0,) * len(others)) for point in lattice] + one_hot(len(weights))[len(experts) :]
        self.progress.stage(f"sweep of {len(lattice)} λ", 1)
        self.module.to(self.device)
        self.module.policy.start_from(self._built)  # what fluency compares with is the model as it was built
        environment = self.module.environment
        batches = environment.eval_batches() if self.settings.split == "eval" else environment.dev_batches()
        shown, metrics = self.settings.shown, self.recipe.metrics
        names = [stage.name for stage in experts + others]
        scores = benchmark_soups(self.module, weights, rows, batches, show=shown, metrics=metrics, names=names)
        of_lattice, of_others = scores[: len(lattice)], scores[len(lattice) :]
        points = [soup_point(self.experts, c, s) for c, s in zip(lattice, of_lattice, strict=True)]
        for stage, score in zip(others, of_others, strict=True):
            kind: Kind = "init" if stage.family == "init" else "morl"
            trained = stage.preference if stage.epochs else None
            points.append(Point(kind, None, trained, as_numpy(score.values), score.shown))
        return points

    def _check_init(self) -> None:
        """Require that all trainings began at the weights that lie in ``init`` now: soups need one start."""
        for stage in self.stages:
            if not stage.start:
                continue
            folder, start = (self.folder.path / name for name in (stage.name, stage.start))
            if self.folder.stage(stage.name)["init"] != sha256(start / FILE_NAME):
                raise RunFolderError(f"{folder} did not begin at {start}: delete both to train them anew")

    def _weights(self, stage: str) -> dict[str, Tensor]:
        weights = read_weights(self.folder.path / stage)
        return {name: tensor.to(self.device) for name, tensor in weights.items()}

    def _films(self, folder: Path, points: list[Point]) -> dict[int, str]:
        """Films of the first expert, the last, and the soup nearest the middle, by the index of their point."""
        weights = [self._weights(f"experts/{expert}") for expert in self.experts]
        films: dict[int, str] = {}
        for index in worth_filming(points, self.experts):
            name = f"film-{index:03d}.webp"
            coefficients = tuple((points[index].coefficients or {}).values())
            with souped(self.module.policy, weights, coefficients) as policy:
                if not self.module.environment.film(policy, folder / name):
                    break  # there is nothing to see
            films[index] = name
        return films

    def _cost(self) -> dict[str, int]:
        """Training steps of the soup (init, experts), and of MORL, which trains the same and one more for each μ."""
        steps = {"init": 0, "experts": 0, "baselines": 0}
        for stage in self.stages:
            steps[stage.family] += self.folder.stage(stage.name)["steps"]
        soup = steps["init"] + steps["experts"]
        return {"soup": soup, "morl": soup + steps["baselines"] if self.settings.morl else 0}


def _written(preference: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:.3g}" for name, weight in preference.items())
