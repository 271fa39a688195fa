"""Cells of peers: trained by another library, and evaluated as every method of ours is."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rsoup_lightning.comparing.cell import Cell
from rsoup_lightning.comparing.peer import Assignment, Peer, Trained
from rsoup_lightning.comparing.record import CellResult, parsed
from rsoup_lightning.errors import RSoupError, StageError
from rsoup_lightning.evaluation import evaluate
from rsoup_lightning.files import read_json, write_json
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.policy import Policy
from rsoup_lightning.run.folders.claim import claim
from rsoup_lightning.run.launchers.launch import Launch
from rsoup_lightning.run.trainer.memory import count_memory_anew, most_memory
from rsoup_lightning.simplex import grid

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PeerRecord:
    """``peer.json``: what a peer found, and what it cost.

    Attributes:
        points: the scores of every policy that it offers, by reward.
        steps: that it trained for.
        unit: what a step is called.
        seconds: that it trained for.
        evaluation_seconds: that the evaluation of all points took.
        memory: in bytes, the most that training took, of a GPU or else of the whole process; null where unknown.
    """

    points: list[dict[str, float]]
    steps: int
    unit: str
    seconds: float
    evaluation_seconds: float
    memory: int | None


@dataclass(frozen=True)
class PeerCell(Cell):
    """A training of a peer, in this process. One that was killed begins anew.

    Attributes:
        peer: which.
        epochs: as many steps as the recipe takes in so many epochs end it; None: ``seconds`` do.
        seconds: the time that ends it, or None.
    """

    peer: Peer
    epochs: int | None
    seconds: float | None

    @property
    def config(self) -> dict[str, Any]:
        """What claims the folder."""
        kind = type(self.peer)
        settings = json.loads(json.dumps(asdict(self.peer)))  # type: ignore[call-overload]  # tuples are lists in a file
        peer = {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": settings}
        return {
            **self.recipe.resolved(seed_everything=self.seed),
            "peer": peer,
            "epochs": self.epochs,
            "seconds": self.seconds,
        }

    @property
    def finished(self) -> bool:
        return self._file.exists()

    def check(self, module: RewardFineTuner) -> None:
        super().check(module)
        self.peer.check(module, [*self.boxes[self.task]])

    def run(self, launch: Launch | None, others: Sequence[Cell]) -> list[CellResult]:
        claim(self.path, self.config)
        if not self.finished:
            write_json(self._file, asdict(self._play()))
        cure = "delete it, and the peer is trained anew"
        record = parsed(PeerRecord, read_json(self._file, cure), self._file, cure)
        return [self._result(record, task) for task in self.boxes]

    @property
    def _file(self) -> Path:
        return self.path / "peer.json"

    def _play(self) -> PeerRecord:
        module = self.recipe.fine_tuner(self.seed)
        count_memory_anew(self.recipe.device)
        start = time.perf_counter()
        trained = self._train(module)
        seconds, memory = time.perf_counter() - start, most_memory(self.recipe.device)
        start = time.perf_counter()
        points = [self._scores(module, policy) for policy in trained.policies]
        return PeerRecord(points, trained.steps, module.environment.unit, seconds, time.perf_counter() - start, memory)

    def _train(self, module: RewardFineTuner) -> Trained:
        settings, box = self.recipe.settings, self.boxes[self.task]
        floors = {reward: zero for reward, (zero, _) in box.items()}
        preferences = grid(len(box), settings.grid, settings.kind)
        assignment = Assignment(module, floors, preferences, self.seed, self.recipe.device, self.epochs, self.seconds)
        with (self.path / "peer.log").open("w", encoding="utf-8") as log, redirect_stdout(log):
            try:
                return self.peer.train(assignment)
            except RSoupError:
                raise
            except Exception as error:  # another library may raise anything
                logger.debug("the peer failed", exc_info=True)
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                raise StageError(f"{type(self.peer).__name__} cannot be trained: {reason}") from error

    def _scores(self, module: RewardFineTuner, policy: Policy) -> dict[str, float]:
        environment = module.environment
        batches = environment.eval_batches() if self.recipe.settings.split == "eval" else environment.dev_batches()
        (scores,) = evaluate(environment, module.rewards, policy, batches)
        return {name: values.double().mean().item() for name, values in scores.rewards.items()}

    def _result(self, record: PeerRecord, task: str) -> CellResult:
        return self.found(
            task,
            record.points,
            init_steps=0,
            steps=record.steps,
            unit=record.unit,
            init_seconds=0.0,
            seconds=record.seconds,
            evaluation_seconds=record.evaluation_seconds,
            memory=record.memory,
        )
