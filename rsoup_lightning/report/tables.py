"""A front as tables: every point to read or to take away, and what soup and MORL cost."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable
from typing import Any

from rsoup_lightning.front.record import Record
from rsoup_lightning.report import view


def delimited(record: Record, delimiter: str) -> str:
    """Every point in a row: kind, λ per expert, μ per reward; score, standard error and 95 % interval per reward."""
    points = record["points"]
    rewards = list(points[0]["scores"])
    trained = list(dict.fromkeys(name for point in points for name in point["preference"] or {}))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    columns = ("", " standard error", " ci low", " ci high")
    scores = [f"{name}{column}" for name in rewards for column in columns]
    writer.writerow(["kind", *(f"λ {name}" for name in record["experts"]), *(f"μ {name}" for name in trained), *scores])
    for point in points:
        row = [point["kind"], *_weights(point["coefficients"], record["experts"])]
        row += _weights(point["preference"], trained)
        for name in rewards:
            row += [point["scores"][name], point["standard_errors"][name], *(point["ci95"][name] or ("", ""))]
        writer.writerow(row)
    return text.getvalue()


def markdown_row(cells: Iterable[str]) -> str:
    """A row of a Markdown table, whose cells may hold what divides them."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def points_table(record: Record) -> str:
    """Every point as an HTML table, the dominated ones pale."""
    rewards = list(record["points"][0]["scores"])
    rows = []
    for point, best in zip(record["points"], view.on_front(record), strict=True):
        cells = [html.escape(view.point_label(point) + view.faults(point))]
        cells += [_number(point["scores"][name], point["ci95"][name]) for name in rewards]
        rows.append(table_row("td", cells, "" if best else " class=dominated"))
    limits = {name: f" ≥ {limit:.4g}" for name, limit in record.get("limits", {}).items()}
    head = map(html.escape, ["point", *(name + limits.get(name, "") for name in rewards)])
    return f"<table>{table_row('th', head)}{''.join(rows)}</table>"


def cost_table(record: Record) -> str:
    """Soup against MORL as an HTML table: trainings, steps, preferences served, hypervolumes."""
    summary = record["summary"]
    experts, soups, baselines = (len(view.of_kind(record, kind)) for kind in ("expert", "soup", "morl"))
    families = {
        "soup": ("soup", experts, f"every λ ({experts + soups} evaluated)"),
        "morl": ("MORL, experts included", experts + baselines, f"{experts + baselines} μ"),
    }
    head = ["", "trainings", "training steps", "serves", "hypervolume in the experts' box", "hypervolume"]
    rows = [
        table_row(
            "td",
            [
                name,
                str(trainings),
                _steps(summary["training_cost"], kind),
                serves,
                _number(summary["hypervolume_normalised"][kind], summary["hypervolume_normalised_ci95"][kind]),
                _number(summary["hypervolume"][kind]),
            ],
        )
        for kind, (name, trainings, serves) in families.items()
        if kind in summary["hypervolume"]
    ]
    note = (
        "At the soup's cost MORL has the experts alone: every further preference is one more training. "
        "Steps include the shared init, trainings do not."
    )
    return f"<table>{table_row('th', head)}{''.join(rows)}</table><p><small>{note}</small></p>"


def _weights(weights: dict[str, float] | None, names: list[str]) -> list[Any]:
    return [weights.get(name, 0.0) if weights else "" for name in names]


def _steps(cost: dict[str, int], kind: str) -> str:
    if not cost.get(kind):
        return "–"
    ratio = f" <small>({cost[kind] / cost['soup']:.2f} × soup)</small>" if kind == "morl" and cost.get("soup") else ""
    return f"{cost[kind]:,}{ratio}"


def _number(value: float | None, interval: list[float] | None = None) -> str:
    return "–" if value is None else f"{value:.4g} <small>{view.written_interval(interval)}</small>"


def table_row(tag: str, cells: Iterable[str], attributes: str = "") -> str:
    """Cells of HTML as a row of a table; ``tag`` is td or th."""
    return f"<tr{attributes}>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"
