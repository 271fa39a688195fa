"""The whole run: init, one expert per reward, λ sweep, MORL baselines, report. Every stage resumable."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning as L

from rsoup_lightning.callbacks import StageCheckpoint, benchmark_soups, soup_point
from rsoup_lightning.errors import WeightsError
from rsoup_lightning.files import write_json
from rsoup_lightning.merging import linear, read_weights, write_weights
from rsoup_lightning.merging.io import FILE_NAME
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.progress import ProgressCallback, RunProgress
from rsoup_lightning.recipe import Recipe
from rsoup_lightning.results import Point, Record, front_record
from rsoup_lightning.run_folder import RunFolder
from rsoup_lightning.simplex import grid, one_hot


@dataclass(frozen=True)
class Stage:
    """One training: where its weights go, what it maximises, for how long."""

    name: str
    preference: dict[str, float]
    epochs: int
    init: Path | None

    @property
    def family(self) -> str:
        """ "init", "experts" or "morl"."""
        return self.name.split("/")[0]


class Experiment:
    """Runs a recipe in a folder; run it again and it goes on where it stopped.

    Args:
        recipe: what to run.
        seed: of everything random.
        folder: the run folder, already claimed for this recipe and seed.
        progress: where to show how it goes.
    """

    def __init__(self, recipe: Recipe, seed: int, folder: RunFolder, progress: RunProgress) -> None:
        self.recipe = recipe
        self.settings = recipe.settings
        self.experts = recipe.experts
        self.seed = seed
        self.folder = folder
        self.progress = progress
        self.module = self._build(1)[1]

    def run(self) -> Record:
        """All stages; returns the content of front.json, which is written with the samples.

        Raises:
            RSoupError: whatever stops it; what was finished stays, and the same call goes on from there.
        """
        for stage in self.stages():
            self._train(stage)
        points = self._sweep()
        record = front_record(
            self.recipe.task,
            self.experts,
            points,
            reference_point=self.settings.reference_point,
            training_cost=self._cost(),
        )
        self._write_samples(points)
        write_json(self.folder.path / "front.json", record)
        return record

    def stages(self) -> Iterator[Stage]:
        """Every training in order."""
        init = self.folder.path / "init"
        uniform = dict.fromkeys(self.experts, 1 / len(self.experts))
        yield Stage("init", self.settings.init_preference or uniform, self.settings.init_epochs, None)
        for expert in self.experts:
            yield Stage(f"experts/{expert}", {expert: 1.0}, self.recipe.epochs, init)
        for index, preference in enumerate(self.settings.morl):
            yield Stage(f"morl/{index}", preference, self.recipe.epochs, init)

    def _train(self, stage: Stage) -> None:
        path = self.folder.path / stage.name
        self.progress.stage(f"{stage.name} (μ: {_written(stage.preference)})", stage.epochs)
        if self.folder.is_done(stage.name):
            read_weights(path)  # a damaged file is reported now, not after hours of other stages
            self.progress.skip(stage.epochs)
            return
        checkpoint = StageCheckpoint(path / "last.ckpt")
        module = self._fit(stage, checkpoint)
        write_weights(path, module.policy.weights())
        self.folder.finish(
            stage.name,
            {
                "preference": stage.preference,
                "seconds": round(checkpoint.seconds, 1),
                "steps": int(module.steps_taken),
                "unit": module.environment.unit,
                "history": checkpoint.history,
            },
        )
        checkpoint.path.unlink(missing_ok=True)

    def _fit(self, stage: Stage, checkpoint: StageCheckpoint) -> RewardFineTuner:
        """Train the stage, from its checkpoint if there is one; a stage of no epochs is the policy it starts from."""
        start = {"init_weights": str(stage.init / FILE_NAME)} if stage.init else {}
        trainer, module = self._build(max(stage.epochs, 1), preference=stage.preference, **start)
        if not stage.epochs:
            return module
        trainer.callbacks = [*trainer.callbacks, ProgressCallback(self.progress), checkpoint]  # type: ignore
        resume = checkpoint.path if checkpoint.path.exists() else None
        if resume:
            check_checkpoint(resume)
        trainer.fit(module, ckpt_path=resume, weights_only=True)
        if trainer.interrupted or trainer.current_epoch < stage.epochs:
            raise KeyboardInterrupt
        return module

    def _sweep(self) -> list[Point]:
        """Evaluate init, every λ and the MORL baselines on the same samples, all in one go."""
        lattice = grid(len(self.experts), self.settings.grid, self.settings.kind)
        others = ["init", *(f"morl/{index}" for index in range(len(self.settings.morl)))]
        names = [*(f"experts/{expert}" for expert in self.experts), *others]
        pad = (0.0,) * len(others)
        rows = [(*point, *pad) for point in lattice] + one_hot(len(names))[len(self.experts) :]
        weights = [read_weights(self.folder.path / name) for name in names]
        self.progress.stage(f"sweep of {len(lattice)} λ", 1)
        start = time.perf_counter()
        scores = benchmark_soups(
            self.module, weights, rows, self.module.environment.eval_batches(), show=self.settings.samples
        )
        seconds = time.perf_counter() - start
        steps = sum(score.steps for score in scores)
        self.folder.finish(
            "sweep", {"seconds": round(seconds, 1), "steps": steps, "unit": self.module.environment.unit}
        )
        points = [soup_point(self.experts, c, s) for c, s in zip(lattice, scores, strict=False)]
        for kind, preference, score in zip(
            ["init", *["morl"] * len(self.settings.morl)],
            [self.settings.init_preference, *self.settings.morl],
            scores[len(lattice) :],
            strict=True,
        ):
            values = {name: reward.double().numpy() for name, reward in score.rewards.items()}
            points.append(Point(kind, None, preference, values, score.samples))  # type: ignore[arg-type]
        return points

    def _write_samples(self, points: list[Point]) -> None:
        """Samples of every point as JSON, and films of the first expert, the middle and the last one."""
        folder = self.folder.path / "samples"
        films = self._films(folder) if self.settings.films and len(self.experts) > 1 else {}
        for index, point in enumerate(points):
            key = tuple((point.coefficients or {}).get(name, 0.0) for name in self.experts)
            samples = [asdict(sample) for sample in point.samples]
            write_json(folder / f"{index:03d}.json", {"samples": samples, "film": films.get(key, "")})

    def _films(self, folder: Path) -> dict[tuple[float, ...], str]:
        count = len(self.experts)
        corners = one_hot(count)
        middle = tuple(0.5 if index in (0, count - 1) else 0.0 for index in range(count))
        weights = [read_weights(self.folder.path / "experts" / expert) for expert in self.experts]
        films = {}
        for index, point in enumerate([corners[-1], middle, corners[0]]):
            name = f"film-{index}.webp"
            self.module.policy.load_weights(linear(weights, point))
            if not self.module.environment.film(self.module.policy, folder / name):
                break
            films[point] = name
        return films

    def _cost(self) -> dict[str, int]:
        """Training steps of the soup (init and experts) and of MORL (init and its baselines)."""
        steps = {"init": 0, "experts": 0, "morl": 0}
        for stage in self.stages():
            steps[stage.family] += self.folder.stage(stage.name)["steps"]
        shared = steps["init"]
        return {"soup": shared + steps["experts"], "morl": shared + steps["morl"] if self.settings.morl else 0}

    def _build(self, epochs: int, **model: Any) -> tuple[L.Trainer, RewardFineTuner]:
        L.seed_everything(self.seed, verbose=False)
        trainer = {"max_epochs": epochs, "default_root_dir": str(self.folder.path)}
        return self.recipe.build(trainer, {"seed": self.seed, **model})


def check_checkpoint(path: Path) -> None:
    """Require ``path`` to be a whole training checkpoint.

    Raises:
        WeightsError: it is damaged; says how to go on.
    """
    try:
        read_weights(path)
    except WeightsError as error:
        raise WeightsError(f"cannot resume: {error}; delete the file to train this stage anew") from error


def _written(preference: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:.3g}" for name, weight in preference.items())
