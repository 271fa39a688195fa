"""front.png: the views of a front side by side, for documents and quick looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rsoup_lightning.files import atomic
from rsoup_lightning.front.record import Record
from rsoup_lightning.report import view

FADED = 0.3  # opacity


@rc_context({"text.parse_math": False})  # names may have a $
def write_picture(path: Path, record: Record) -> None:
    """Write the front as a PNG: a panel per pair of rewards and, for three rewards or more, the spider map."""
    pairs, outlines = view.reward_pairs(record), view.outlines(record)
    panels = len(pairs) + bool(outlines)
    rows, columns = view.grid_shape(panels)
    figure = Figure(figsize=(max(5.4 * columns, 6.4), 4.2 * rows + 0.8), layout="constrained")
    for place, (x, y) in enumerate(pairs, start=1):
        _draw_pair(figure.add_subplot(rows, columns, place), record, x, y)
    if outlines:
        _draw_spider(figure.add_subplot(rows, columns, panels, projection="polar"), record["rewards"], outlines)
    keys: list[Any] = [Line2D([], [], ls="", label=mark.label, **_look(mark)) for mark in view.legend(record)]
    keys += [Line2D([], [], color=line.color, ls=":", label=line.label) for line in view.lines(record) if line.label]
    figure.legend(
        handles=keys, loc="outside lower center", ncols=min(len(keys), 4 * columns), fontsize=8, frameon=False
    )
    figure.suptitle("\n".join(view.headline(record)), fontsize=9)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130)


def _draw_pair(axes: Any, record: Record, x: str, y: str) -> None:
    for line in view.lines(record):
        style = ":" if line.dotted else "-"
        axes.plot(view.column(line.points, x), view.column(line.points, y), style, color=line.color, lw=1, zorder=1)
    for group in view.groups(record):
        points = group.points.values()
        look = {"ls": "", "elinewidth": 0.8, "zorder": 2 if group.mark.faded else 3, **_look(group.mark)}
        errors = {"xerr": view.spread(points, x), "yerr": view.spread(points, y)}
        axes.errorbar(view.column(points, x), view.column(points, y), **errors, **look)
    axes.set(xlabel=x, ylabel=y)
    axes.grid(alpha=0.25)


def _draw_spider(axes: Any, rewards: list[str], outlines: list[view.Outline]) -> None:
    angles = np.linspace(0, 2 * np.pi, len(rewards), endpoint=False)
    for outline in outlines:
        style = ":" if outline.dotted else "-"
        radii = [*outline.values, outline.values[0]]
        axes.plot([*angles, angles[0]], radii, style, marker=".", color=outline.color, lw=1.4, label=outline.label)
    axes.set_theta_zero_location("N")
    axes.set_xticks(angles, rewards, fontsize=9)
    axes.tick_params(axis="x", pad=12)
    axes.set_ylim(*view.spider_range(outlines))
    axes.set_yticks([0, 0.5, 1], ["0", "", "1"])
    axes.tick_params(axis="y", labelsize=8, labelcolor="#777777")
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, frameon=False)


def _look(mark: view.Mark) -> dict[str, Any]:
    return {
        "marker": mark.marker,
        "color": mark.color,
        "markersize": 6,
        "markerfacecolor": "none" if mark.hollow else mark.color,
        "alpha": FADED if mark.faded else 1,
    }
