"""Pictures of a front: front.png, and report.html, one file that opens offline."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from string import Template
from typing import Any

from rsoup_lightning.files import atomic, write_text
from rsoup_lightning.results import Record

STYLE = {
    "soup": ("#1f77b4", "o", "soup (λ)"),
    "expert": ("#d62728", "s", "expert"),
    "init": ("#7f7f7f", "X", "init"),
    "morl": ("#2ca02c", "D", "MORL (μ)"),
}
PLOTLY_MARKERS = {"o": "circle", "s": "square", "X": "x", "D": "diamond"}


def write_report(folder: Path, record: Record, *, samples: Path) -> None:
    """Write front.png and report.html into ``folder``.

    Args:
        folder: where to.
        record: the content of front.json.
        samples: folder of the samples of each point, by its index.
    """
    _write_picture(folder / "front.png", record)
    _write_page(folder / "report.html", folder.name, record, samples)


def _write_picture(path: Path, record: Record) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    views = list(combinations(record["rewards"], 2)) or [(record["rewards"][0],) * 2]
    figure, all_axes = plt.subplots(1, len(views), figsize=(5.6 * len(views), 4.4), squeeze=False)
    for axes, (x, y) in zip(all_axes[0], views, strict=True):
        for kind, (color, marker, label) in STYLE.items():
            points = _of_kind(record, kind)
            if not points:
                continue
            xs, ys = _column(points, x), _column(points, y)
            errors = [
                [[p["scores"][n] - p["ci95"][n][0], p["ci95"][n][1] - p["scores"][n]] for p in points] for n in (x, y)
            ]
            bars = {axis: list(zip(*error, strict=True)) for axis, error in zip(("xerr", "yerr"), errors, strict=True)}
            axes.errorbar(xs, ys, **bars, fmt=marker, color=color, label=label, ms=6, lw=0.8, zorder=3)
        line = _line(record)
        axes.plot(_column(line, x), _column(line, y), color=STYLE["soup"][0], lw=1, zorder=1)
        ends = _of_kind(record, "expert")
        if len(ends) == 2:
            axes.plot(_column(ends, x), _column(ends, y), ":", color="#999999", lw=1, label="chord", zorder=0)
        axes.set(xlabel=x, ylabel=y)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8)
    figure.suptitle(_headline(record).replace(" · ", "\n").replace("\n", " · ", 1), fontsize=9)
    figure.tight_layout()
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130)
    plt.close(figure)


def _write_page(path: Path, title: str, record: Record, samples: Path) -> None:
    from plotly.graph_objects import Figure
    from plotly.subplots import make_subplots

    views = list(combinations(record["rewards"], 2)) or [(record["rewards"][0],) * 2]
    figure: Figure = make_subplots(1, len(views))
    indexed = list(enumerate(record["points"]))
    for column, (x, y) in enumerate(views, start=1):
        line = _line(record)
        figure.add_scatter(
            x=_column(line, x),
            y=_column(line, y),
            mode="lines",
            line={"color": STYLE["soup"][0], "width": 1},
            hoverinfo="skip",
            showlegend=False,
            row=1,
            col=column,
        )
        for kind, (color, marker, label) in STYLE.items():
            mine = [(index, point) for index, point in indexed if point["kind"] == kind]
            points = [point for _, point in mine]
            figure.add_scatter(
                x=_column(points, x),
                y=_column(points, y),
                mode="markers",
                name=label,
                showlegend=column == 1,
                marker={"color": color, "symbol": PLOTLY_MARKERS[marker], "size": 10},
                error_x=_bars(points, x, color),
                error_y=_bars(points, y, color),
                customdata=[index for index, _ in mine],
                text=[_hover(point) for point in points],
                hovertemplate="%{text}<extra></extra>",
                row=1,
                col=column,
            )
        figure.update_xaxes(title_text=x, row=1, col=column)
        figure.update_yaxes(title_text=y, row=1, col=column)
    figure.update_layout(template="plotly_white", height=480, margin={"t": 20, "b": 50}, legend={"orientation": "h"})
    shown = [_read_samples(samples, index) for index in range(len(record["points"]))]
    page = Template((Path(__file__).parent / "report.html.in").read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        headline=html.escape(_headline(record)),
        figure=figure.to_html(full_html=False, include_plotlyjs=True, div_id="front"),
        films=_films(record, shown),
        table=_table(record),
        summary=html.escape(json.dumps(record["summary"], indent=1)),
        samples=json.dumps([entry["samples"] for entry in shown]).replace("</", "<\\/"),
        labels=json.dumps([point_label(point) for point in record["points"]]),
    )
    write_text(path, page)


def point_label(point: Record) -> str:
    """What to call a point: its kind, and its λ or μ."""
    weights = point["coefficients"] or point["preference"] or {}
    symbol = "λ" if point["coefficients"] else "μ"
    written = ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())
    return f"{point['kind']} ({symbol}: {written})" if written else point["kind"]


def _headline(record: Record) -> str:
    summary = record["summary"]
    parts = [record["task"]]
    for kind, value in summary["hypervolume_normalised"].items():
        if value is not None:
            low, high = summary["hypervolume_normalised_ci95"][kind] or (value, value)
            parts.append(f"{kind} hypervolume {value:.3f} [{low:.3f}, {high:.3f}]")
    parts.append(f"LMC at {summary['lmc']['holds']} of {summary['lmc']['of']} λ")
    return " · ".join(parts)


def _of_kind(record: Record, kind: str) -> list[Record]:
    return [point for point in record["points"] if point["kind"] == kind]


def _line(record: Record) -> list[Record]:
    """The sweep in the order of λ, where it is a line: two experts."""
    if len(record["experts"]) != 2:
        return []
    merged = [point for point in record["points"] if point["coefficients"]]
    return sorted(merged, key=lambda point: point["coefficients"][record["experts"][0]])


def _column(points: Sequence[Record], reward: str) -> list[float]:
    return [point["scores"][reward] for point in points]


def _bars(points: Sequence[Record], reward: str, color: str) -> dict[str, Any]:
    high = [point["ci95"][reward][1] - point["scores"][reward] for point in points]
    low = [point["scores"][reward] - point["ci95"][reward][0] for point in points]
    return {"type": "data", "array": high, "arrayminus": low, "symmetric": False, "thickness": 1, "color": color}


def _hover(point: Record) -> str:
    scores = "<br>".join(
        f"{name}: {value:.4g} [{point['ci95'][name][0]:.4g}, {point['ci95'][name][1]:.4g}]"
        for name, value in point["scores"].items()
    )
    return f"<b>{html.escape(point_label(point))}</b><br>{scores}"


def _read_samples(folder: Path, index: int) -> Record:
    file = folder / f"{index:03d}.json"
    entry: Record = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"samples": [], "film": ""}
    for sample in entry["samples"]:
        sample["media"] = _data_uri(folder / sample["media"]) if sample["media"] else ""
    entry["film"] = _data_uri(folder / entry["film"]) if entry["film"] else ""
    return entry


def _data_uri(file: Path) -> str:
    return f"data:image/{file.suffix[1:]};base64,{base64.b64encode(file.read_bytes()).decode()}"


def _films(record: Record, shown: Sequence[Record]) -> str:
    pairs = [(point_label(point), entry["film"]) for point, entry in zip(record["points"], shown, strict=True)]
    figures = "".join(
        f'<figure><img src="{film}" alt="{html.escape(name)}"><figcaption>{html.escape(name)}</figcaption></figure>'
        for name, film in pairs
        if film
    )
    return f"<h2>Side by side</h2><div class=films>{figures}</div>" if figures else ""


def _table(record: Record) -> str:
    rewards = list(record["points"][0]["scores"])
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ["point", *rewards])
    rows = []
    for point in record["points"]:
        cells = [f"<td>{html.escape(point_label(point))}</td>"]
        for name in rewards:
            low, high = point["ci95"][name]
            cells.append(f"<td>{point['scores'][name]:.4g} <small>[{low:.4g}, {high:.4g}]</small></td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"
