"""A suite's results as tables: of each task, and of all; for a terminal, and in Markdown."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.markup import escape
from rich.table import Table as RichTable

from rsoup_lightning.comparing.aggregate import Estimate
from rsoup_lightning.comparing.record import Bench, CellResult
from rsoup_lightning.report.tables import markdown_row, table_row


@dataclass(frozen=True)
class Table:
    """A table whose first column names things and whose others hold numbers."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def rich(self) -> RichTable:
        """For a terminal."""
        table = RichTable(title=escape(self.title), title_justify="left")
        for index, name in enumerate(self.head):
            table.add_column(escape(name), justify="right" if index else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*map(escape, row))
        return table

    def markdown(self) -> str:
        """As a section."""
        lines = [self.head, ["---", *["---:"] * (len(self.head) - 1)], *self.rows]
        return "\n".join([f"### {self.title}", "", *map(markdown_row, lines), ""])

    def html(self) -> str:
        """As an element of a page."""
        lines = [("th", self.head), *(("td", row) for row in self.rows)]
        return f"<table>{''.join(table_row(tag, map(html.escape, cells)) for tag, cells in lines)}</table>"


def tables(bench: Bench) -> list[Table]:
    """Those of each task, and one over all."""
    return [*(table for task in bench.boxes for table in tables_of_task(bench, task)), table_of_all(bench)]


def tables_of_task(bench: Bench, task: str) -> list[Table]:
    """One of what was run, and one of what others have printed, if there is any."""
    return [_of_task(bench, task), *([_published(bench, task)] if task in bench.published else [])]


def _of_task(bench: Bench, task: str) -> Table:
    rows = []
    for method, cells in bench.of_task(task).items():
        means = {name: float(np.mean([getattr(cell, name) for cell in cells])) for name in MEANS}
        memory = [cell.memory for cell in cells if cell.memory]
        rows.append(
            [
                _called(method, cells),
                _written(bench.summary.hypervolume[task][method]),
                _against(bench, task, method),
                _allowed(bench, method),
                *(f"{means[name]:,.{0 if means[name] >= 10 else 1}f}" for name in MEANS),
                f"{max(memory) / 1e9:.1f}" if memory else "–",
            ]
        )
    spent = [cells[0].unit, "training, s", "evaluation, s", "GB"]
    return Table(task, ["method", "hypervolume", f"against {bench.reference}", "cost", *spent], rows)


MEANS = ("all_steps", "all_seconds", "evaluation_seconds")
"""What a table of a task has the means over seeds of."""


def _called(method: str, cells: Sequence[CellResult]) -> str:
    """The name of a method, and which variants were chosen."""
    chosen = dict.fromkeys(cell.chosen for cell in cells if cell.chosen)
    return f"{method} ({', '.join(chosen)})" if chosen else method


def _allowed(bench: Bench, method: str) -> str:
    cost = bench.costs[method]
    return f"{bench.seconds[method]:g} s" if cost is None else f"{cost:g} ×"


def _published(bench: Bench, task: str) -> Table:
    named = list(dict.fromkeys(name for each in bench.published[task] for name in each.figures))
    rows = []
    for each in bench.published[task]:
        numbers = (each.hypervolume(bench.boxes[task]), *(each.figures.get(name) for name in named))
        rows.append([each.method, *("–" if number is None else f"{number:.3f}" for number in numbers), each.source])
    return Table(f"{task}, as published", ["method", "hypervolume in this box", *named, "source"], rows)


def table_of_all(bench: Bench) -> Table:
    """What all tasks come to."""
    summary = bench.summary
    rows = [
        [
            method,
            _written(summary.interquartile_mean[method]),
            "–" if method == bench.reference else _written(summary.superiority[method], ".2f"),
        ]
        for method in bench.costs
    ]
    head = ["method", "interquartile mean", f"probability of improvement over {bench.reference}"]
    return Table("hypervolumes of all tasks", head, rows)


def _against(bench: Bench, task: str, method: str) -> str:
    found = bench.summary.difference[task].get(method)
    return "–" if found is None else _written(found, "+z.1%")


def _written(estimate: Estimate, form: str = ".3f") -> str:
    interval = f" [{estimate.ci95[0]:{form}}, {estimate.ci95[1]:{form}}]" if estimate.ci95 else ""
    return f"{estimate.value:{form}}{interval}"
