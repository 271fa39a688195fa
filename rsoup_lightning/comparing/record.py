"""``bench.json``: its schema, how it is written, and the check of whoever reads it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from jsonargparse import ArgumentParser

from rsoup_lightning.comparing.aggregate import Estimate, interquartile, mean_over_seeds, paired_difference, superiority
from rsoup_lightning.comparing.published import Published
from rsoup_lightning.comparing.suite import Box, Suite
from rsoup_lightning.errors import ConfigError, FrontError
from rsoup_lightning.files import read_json, write_json
from rsoup_lightning.run.recipes.parsing import ours

SCHEMA = 2
"""Of bench.json."""

T = TypeVar("T")


@dataclass(frozen=True)
class CellResult:
    """What a cell found, and what it cost.

    Attributes:
        task: on which, or the name of a box beside the task's own.
        method: by which.
        seed: of everything random.
        hypervolume: of ``points`` in the task's box.
        points: the scores of every policy that the method offers, by reward.
        init_steps: of the training of init, which all methods share but peers, which have none.
        steps: of all trainings after it.
        unit: what a step is called.
        init_seconds: that init took, whoever trained it.
        seconds: that the trainings after it took, added up, also where some ran at the same time.
        evaluation_seconds: that the evaluation of all points took.
        memory: in bytes, the most that a training took, of a GPU or else of its whole process; null where unknown.
        chosen: the variant of the method that was run, where there were some to choose among.
    """

    task: str
    method: str
    seed: int
    hypervolume: float
    points: list[dict[str, float]]
    init_steps: int
    steps: int
    unit: str
    init_seconds: float
    seconds: float
    evaluation_seconds: float
    memory: int | None
    chosen: str | None = None

    @property
    def all_steps(self) -> int:
        """Those of init among them."""
        return self.init_steps + self.steps

    @property
    def all_seconds(self) -> float:
        """Those of init among them."""
        return self.init_seconds + self.seconds


@dataclass(frozen=True)
class Summary:
    """What cells come to.

    Attributes:
        hypervolume: by box and method, the mean over seeds, with Student's interval.
        difference: likewise, to the reference's hypervolume on the same seeds, as a share of the latter's mean; null
            where that is 0.
        interquartile_mean: by method, of the hypervolumes of all tasks and seeds, with a bootstrap interval.
        superiority: by method, how probable it is that it surpasses the reference, with a bootstrap interval.
    """

    hypervolume: dict[str, dict[str, Estimate]]
    difference: dict[str, dict[str, Estimate | None]]
    interquartile_mean: dict[str, Estimate]
    superiority: dict[str, Estimate]


@dataclass(frozen=True)
class Bench:
    """A suite that has run.

    Attributes:
        schema: of this record.
        suite: its name.
        reference: the method that others are compared with.
        boxes: by task, and by reward the scores at 0 and 1; those beside a task's own have its name and theirs.
        costs: by method, how many times the training of a soup's experts it was allowed; null for a peer that may take
            some time instead.
        seconds: how much, by peer.
        cells: every run, in every box.
        summary: what they come to.
        published: by task, what others have printed of it; none of it is in the summary.
    """

    schema: int
    suite: str
    reference: str
    boxes: dict[str, Box]
    costs: dict[str, float | None]
    seconds: dict[str, float]
    cells: list[CellResult]
    summary: Summary
    published: dict[str, list[Published]] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, suite: Suite, cells: list[CellResult]) -> Bench:
        """The record of a suite, all of whose cells have run."""
        volumes = {(cell.task, cell.method, cell.seed): cell.hypervolume for cell in cells}
        scores = {
            method: [[volumes[task, method, seed] for task in suite.tasks] for seed in suite.seeds]
            for method in suite.methods
        }
        each = {
            box: {method: [volumes[box, method, seed] for seed in suite.seeds] for method in suite.methods}
            for box in suite.boxes
        }
        reference = scores[suite.compared_with]
        summary = Summary(
            hypervolume={
                box: {method: mean_over_seeds(column) for method, column in columns.items()}
                for box, columns in each.items()
            },
            difference={
                box: {
                    method: paired_difference(column, columns[suite.compared_with])
                    for method, column in columns.items()
                    if method != suite.compared_with
                }
                for box, columns in each.items()
            },
            interquartile_mean={method: interquartile(rows) for method, rows in scores.items()},
            superiority={
                method: superiority(rows, reference) for method, rows in scores.items() if method != suite.compared_with
            },
        )
        seconds = {name: method.seconds for name, method in suite.methods.items() if method.seconds}
        costs = {name: None if name in seconds else method.cost for name, method in suite.methods.items()}
        published = {task: settings.published for task, settings in suite.tasks.items() if settings.published}
        return cls(SCHEMA, name, suite.compared_with, suite.boxes, costs, seconds, cells, summary, published)

    def of_task(self, task: str) -> dict[str, list[CellResult]]:
        """The cells of a task, all seeds of each method."""
        return {
            method: [cell for cell in self.cells if (cell.task, cell.method) == (task, method)] for method in self.costs
        }

    def write(self, file: Path) -> None:
        """Write it whole or not at all."""
        write_json(file, asdict(self))


def read_bench(file: Path) -> Bench:
    """The record of a suite in a bench.json.

    Raises:
        RunFolderError: it is missing, or no JSON.
        FrontError: it is of another schema, or damaged.
    """
    cure = "rsoup bench writes it again"
    content = read_json(file, cure)
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise FrontError(f"{file} has schema {schema!r:.60}; this version reads schema {SCHEMA}: {cure}")
    return parsed(Bench, content, file, cure)


def parsed(kind: type[T], content: Any, file: Path, cure: str) -> T:
    """The ``content`` of a JSON file as a dataclass.

    Raises:
        FrontError: it is damaged; names the file and the cure.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind)
    try:
        with ours():
            return kind(**parser.instantiate(parser.parse_object(content)).as_dict())
    except ConfigError as error:
        raise FrontError(f"{file} is damaged: {error}: {cure}") from None
