"""A suite on the point in the plane, whose cells take a second each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from rsoup_lightning.comparing.cells import cells_of
from rsoup_lightning.comparing.peer import Assignment, Peer, Trained
from rsoup_lightning.comparing.published import Published
from rsoup_lightning.comparing.record import Bench, CellResult
from rsoup_lightning.comparing.run_cell import RunCell
from rsoup_lightning.comparing.suite import Suite, SuiteMethod, SuiteTask, read_suite
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.module import RewardFineTuner
from tests.conftest import PointPolicy
from tests.running import POINT_RECIPE

POINT_SUITE: dict[str, Any] = {
    "seeds": [0, 1],
    "tasks": {
        "point": {
            "recipe": "point.yaml",
            "box": {"east": [-2, 0], "north": [-2, 0]},
            "overrides": {"trainer.max_epochs": 2, "soup.films": False},
        }
    },
    "methods": {"soup": {}, "experts": {"overrides": {"soup.kind": "one_hot"}, "cost": 1.5}},
}


def write_suite(folder: Path, **changes: Any) -> Path:
    """The suite in a file beside its recipe."""
    (folder / "point.yaml").write_text(POINT_RECIPE)
    file = folder / "suite.yaml"
    file.write_text(yaml.safe_dump({**POINT_SUITE, **changes}, sort_keys=False))
    return file


@dataclass(frozen=True)
class MadePeer(Peer):
    """A peer whose policies lie on a line between the goals, and cost nothing; some have flaws.

    Args:
        reach: how far along the way to the goals they are.
        flaw: what goes wrong in training.
        layers: a setting that YAML has no kind for: a tuple.
    """

    reach: float = 0.5
    flaw: str = ""
    layers: tuple[int, int] = (1, 2)

    def check(self, module: RewardFineTuner, rewards: Sequence[str]) -> None:
        if self.reach > 1:
            raise ConfigError(f"reach is {self.reach}")

    def train(self, assignment: Assignment) -> Trained:
        print("trained on", [*assignment.floors])
        if self.flaw:
            raise {"library": ValueError("of\nits own"), "killed": KeyboardInterrupt()}[self.flaw]
        policies = [PointPolicy() for _ in assignment.preferences]
        for policy, preference in zip(policies, assignment.preferences, strict=True):
            policy.load_weights({"place": self.reach * torch.tensor(preference)})
        return Trained(policies, assignment.epochs or 7)


MADE_PEER = {"class_path": "tests.comparing.suites.MadePeer"}


def run_cells(folder: Path, **changes: Any) -> list[RunCell]:
    """The cells of a suite of methods of ours."""
    found = cells_of(read_suite(write_suite(folder, **changes)), folder, folder / "out")
    return [cell for cell in found if isinstance(cell, RunCell)]


def made_up(volumes: dict[str, list[list[float]]], published: list[Published] | None = None) -> Bench:
    """The record of a suite whose methods had these hypervolumes, of each seed on each task."""
    first = next(iter(volumes.values()))
    tasks = [f"task{index}" for index in range(len(first[0]))]
    suite = Suite(
        {task: SuiteTask("r.yaml", {"a": (0.0, 1.0), "b": (0.0, 2.0)}, published=published or []) for task in tasks},
        {name: SuiteMethod(cost=1.0 + index) for index, name in enumerate(volumes)},
        [*range(len(first))],
    )
    spent = (10, 1000, "steps", 1.0, 2.0, 3.0, 4_000_000_000)
    cells = [
        CellResult(task, method, seed, volume, [{"a": volume, "b": 1.0}], *spent)
        for method, rows in volumes.items()
        for seed, row in enumerate(rows)
        for task, volume in zip(tasks, row, strict=True)
    ]
    return Bench.of("made_up", suite, cells)
