"""``RunSweep``: every λ, init and the baselines of a run on the same entries, a block of them at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from rsoup_lightning.errors import RunFolderError, WeightsError
from rsoup_lightning.evaluation import Scores
from rsoup_lightning.files import read_json, write_json
from rsoup_lightning.front.metrics import CompletionScores
from rsoup_lightning.front.results import Kind, Point
from rsoup_lightning.merging import read_weights, write_weights
from rsoup_lightning.merging.disk.io import read_tensors
from rsoup_lightning.methods.method import INIT, Stage
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.policy import Policy, Weights
from rsoup_lightning.report.shown import as_json
from rsoup_lightning.run.folders.folder import RunFolder
from rsoup_lightning.run.folders.lineage import check_lineage
from rsoup_lightning.run.folders.stages import SWEEP, Plan
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.trainer.callbacks import as_numpy, benchmark_soups, soup_point, souped
from rsoup_lightning.simplex import Coefficients, one_hot


class RunSweep:
    """What all policies of a run score.

    A block is a batch of evaluation entries, on which every policy plays. Blocks depend on the recipe alone, whoever
    plays them and however many at a time.

    Args:
        recipe: of the run.
        plan: what is trained; all of it must be finished before a block is played.
        folder: of the run.
        module: its one model.
    """

    def __init__(
        self,
        recipe: Recipe,
        plan: Plan,
        folder: RunFolder,
        module: RewardFineTuner,
    ) -> None:
        self.recipe = recipe
        self.plan = plan
        self.folder = folder
        self.module = module

    @cached_property
    def blocks(self) -> list[str]:
        """Their names. A ``Metric`` of torchmetrics computes a number of all outputs: with one, there is one block."""
        whole = any(isinstance(metric, Metric) for metric in self.recipe.metrics.values())
        count = 1 if whole else sum(1 for _ in self._batches())
        return [f"{SWEEP}/{number:03d}" for number in range(count)]

    def play(self, block: str) -> None:
        """Score all policies on a block, and keep that in the run folder.

        Raises:
            RSoupError: what was trained does not belong together, or cannot be played.
        """
        check_lineage(self.folder, self.plan.stages)  # soups need one start
        number, settings = self.blocks.index(block), self.recipe.settings
        self.module.to(self.recipe.device)
        batches = self._batches() if len(self.blocks) == 1 else [*islice(self._batches(), number, number + 1)]
        scores = benchmark_soups(
            self.module,
            self.weights,
            self._rows,
            batches,
            show=settings.shown,
            metrics=self.recipe.metrics,
            **self._how,
        )
        tensors, shown = self._files(block)
        write_weights(tensors, _tensors(scores))
        media = self.folder.path / "shown"
        write_json(shown, {"shown": [[as_json(each, media) for each in policy.shown] for policy in scores]})

    def points(self) -> tuple[list[Point], list[list[dict[str, Any]]]]:
        """Every policy with its scores on all blocks, and what is shown of it.

        Raises:
            RunFolderError: a block is damaged; names its file.
        """
        read = [self._read(block) for block in self.blocks]
        names, points = [*self.module.rewards, *self.recipe.metrics], []
        for row, policy in enumerate([*self.plan.lattice, *self.plan.beside]):
            scores = {name: _gathered([tensors for tensors, _ in read], name, row) for name in names}
            points.append(self._point(policy, scores))
        shown = [[each for _, block in read for each in block[row]] for row in range(len(points))]
        return points, [each[: self.recipe.settings.shown] for each in shown]

    def seconds(self) -> float:
        """What all blocks took together."""
        cure = "delete it, and the block is evaluated anew"
        return sum(read_json(self.folder.record_of(block), cure)["seconds"] for block in self.blocks)

    def forget(self) -> None:
        """Delete the blocks: the front has all that is in them."""
        self.folder.forget(SWEEP)
        shutil.rmtree(self.folder.path / SWEEP, ignore_errors=True)

    def _batches(self) -> Iterable[Any]:
        environment = self.module.environment
        return environment.eval_batches() if self.recipe.settings.split == "eval" else environment.dev_batches()

    def policy(self, index: int) -> AbstractContextManager[Policy]:
        """The policy of a point, to play inside the block."""
        return souped(self.module.policy, self.weights, self._rows[index], **self._how)

    @cached_property
    def _rows(self) -> list[Coefficients]:
        """The W coefficients, of all W weights, of each λ and of each policy beside."""
        rows = [(*point, *(0.0,) * len(self.plan.beside)) for point in self.plan.lattice]
        return rows + one_hot(len(self.weights))[len(self.plan.experts) :]

    @cached_property
    def _how(self) -> dict[str, Any]:
        """How weights are mixed in a row of coefficients."""
        method, experts = self.plan.method, len(self.plan.experts)
        if not method.merges:
            return {"mixing": method.mixing, "names": self._played}
        origin = read_weights(self.folder.path / method.origin)

        def merge(weights: Sequence[Weights], row: Coefficients) -> Weights:
            alone = row[experts:]
            return weights[row.index(1.0)] if any(alone) else method.merged(weights[:experts], row[:experts], origin)

        return {"merge": merge}

    @cached_property
    def weights(self) -> list[Weights]:
        """Those of experts and others, on the device."""
        device = self.recipe.device
        read = [read_weights(self.folder.path / name) for name in self._played]
        return [{name: tensor.to(device) for name, tensor in weights.items()} for weights in read]

    @property
    def _played(self) -> list[str]:
        """The stages whose weights are mixed or played."""
        return [*(f"experts/{name}" for name in self.plan.experts), *(stage.name for stage in self.plan.beside)]

    def _point(self, policy: Any, scores: dict[str, Tensor]) -> Point:
        """Of a λ, or of the stage of another policy."""
        if not isinstance(policy, Stage):
            return soup_point(self.plan.experts, policy, as_numpy(scores), self.plan.method.mixing)
        kind: Kind = "init" if policy.family == INIT else "morl"
        return Point(kind, None, policy.preference if policy.epochs else None, as_numpy(scores))

    def _files(self, block: str) -> tuple[Path, Path]:
        path = self.folder.path / block
        return path.with_suffix(".safetensors"), path.with_suffix(".json")

    def _read(self, block: str) -> tuple[dict[str, Tensor], list[list[dict[str, Any]]]]:
        """A block's tensors, and what is shown of each policy."""
        tensors, shown = self._files(block)
        record = self.folder.record_of(block)
        cure = f"delete {record}, and the block is evaluated anew"
        try:
            return read_tensors(tensors), read_json(shown, cure)["shown"]
        except (WeightsError, KeyError, TypeError) as error:
            raise RunFolderError(f"{tensors.with_suffix('')} is no whole block of a sweep ({error}): {cure}") from None


def _tensors(scores: Sequence[Scores]) -> dict[str, Tensor]:
    """``{name: [policies, S]}`` scores, and ``ids [policies, S]`` of their entries."""
    named = {name: torch.stack([policy.values[name] for policy in scores]) for name in scores[0].values}
    return {"ids": torch.stack([policy.ids for policy in scores]), **{f"scores/{name}": s for name, s in named.items()}}


def _gathered(blocks: Sequence[dict[str, Tensor]], name: str, row: int) -> Tensor:
    """``[S]`` of one policy on all blocks, in the order of ids; of a single block, as it is: a metric may have one."""
    scores = [block[f"scores/{name}"][row] for block in blocks]
    if len(blocks) == 1:
        return scores[0]
    return CompletionScores.ordered(torch.cat([block["ids"][row] for block in blocks]), torch.cat(scores))
