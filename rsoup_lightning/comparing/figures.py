"""The pictures of a suite: fronts with bands over seeds, hypervolume against cost, and scores over all tasks."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from plotly.colors import qualitative
from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

from rsoup_lightning.comparing.aggregate import Estimate
from rsoup_lightning.comparing.record import Bench
from rsoup_lightning.report.view import grid_shape

Array = NDArray[np.float64]
LAYOUT = {
    "template": "plotly_white",
    "margin": {"t": 60, "b": 50, "r": 10},
    "legend": {"orientation": "h", "y": 1.0, "yref": "container", "yanchor": "top"},
}


def attained(points: ArrayLike, at: ArrayLike, floor: float) -> Array:
    """``[X]`` the best second score among ``points [P, 2]`` whose first score is at least ``at [X]``, or ``floor``.

    >>> attained([[1, 3], [2, 1]], [0, 1, 1.5, 9], floor=0).tolist()
    [3.0, 3.0, 1.0, 0.0]
    """
    first, second = np.asarray(points, float).T
    reached = np.where(first >= np.asarray(at, float)[:, None], second, floor)
    return np.maximum(reached.max(1), floor)


def front_figure(bench: Bench, task: str) -> Figure:
    """The fronts of all methods in every two rewards: mean over seeds, and a band from the worst seed to the best.

    A line says which second score a method attains where the first one is to be at least so high; of two rewards, the
    area between it and the reference point is the mean hypervolume.
    """
    box = bench.boxes[task]
    pairs = [*combinations(box, 2)] or [(next(iter(box)),) * 2]
    rows, columns = grid_shape(len(pairs))
    figure: Figure = make_subplots(rows, columns, vertical_spacing=0.2 / rows)
    for place, (x, y) in enumerate(pairs):
        cell = {"row": place // columns + 1, "col": place % columns + 1}
        (left, _), (floor, _) = box[x], box[y]
        scores = {
            method: [[[point[x], point[y]] for point in each.points] for each in cells]
            for method, cells in bench.of_task(task).items()
        }
        reached = {point[0] for seeds in scores.values() for points in seeds for point in points if point[0] > left}
        at = [left, *sorted(reached)]
        for (method, seeds), color in zip(scores.items(), _colors(bench), strict=True):
            lines = np.array([attained(points, at, floor) for points in seeds])
            shared = {"x": at, "mode": "lines", "legendgroup": method, "hoverinfo": "skip", **cell}
            band = {"width": 0, "shape": "vh"}
            figure.add_scatter(y=lines.min(0), line=band, showlegend=False, **shared)
            figure.add_scatter(
                y=lines.max(0), line=band, fill="tonexty", fillcolor=_pale(color), showlegend=False, **shared
            )
            line = {"color": color, "width": 2, "shape": "vh"}
            figure.add_scatter(y=lines.mean(0), line=line, name=method, showlegend=not place, **shared)
            points = [point for points in seeds for point in points]
            figure.add_scatter(
                x=[point[0] for point in points],
                y=[point[1] for point in points],
                mode="markers",
                marker={"color": color, "size": 4},
                opacity=0.5,
                showlegend=False,
                legendgroup=method,
                name=method,
                **cell,
            )
        for each in bench.published.get(task, ()):
            figure.add_scatter(
                x=[point[x] for point in each.points],
                y=[point[y] for point in each.points],
                mode="markers",
                marker={"color": "#777777", "symbol": "x-thin-open", "size": 8},
                name=f"{each.method} (published)",
                legendgroup=f"published {each.method}",
                showlegend=bool(each.points) and not place,
                **cell,
            )
        figure.update_xaxes(title_text=x, **cell)
        figure.update_yaxes(title_text=y, **cell)
    return figure.update_layout(height=90 + 420 * rows, **LAYOUT)


def cost_figure(bench: Bench) -> Figure:
    """Hypervolume against all steps, a panel for each task."""
    rows, columns = grid_shape(len(bench.boxes))
    figure: Figure = make_subplots(rows, columns, subplot_titles=[*bench.boxes])
    for place, task in enumerate(bench.boxes):
        cell = {"row": place // columns + 1, "col": place % columns + 1}
        for (method, cells), color in zip(bench.of_task(task).items(), _colors(bench), strict=True):
            estimate = bench.summary.hypervolume[task][method]
            figure.add_scatter(
                x=[float(np.mean([each.all_steps for each in cells]))],
                y=[estimate.value],
                error_y={**_bars([estimate]), "color": color},
                mode="markers",
                marker={"color": color, "size": 10},
                name=method,
                legendgroup=method,
                showlegend=not place,
                **cell,
            )
        figure.update_xaxes(title_text=cells[0].unit, rangemode="tozero", **cell)
        figure.update_yaxes(title_text="hypervolume", **cell)
    return figure.update_layout(height=110 + 320 * rows, **LAYOUT)


def aggregate_figure(bench: Bench) -> Figure:
    """Interquartile means, and probabilities of improvement over the reference, with bootstrap intervals."""
    summary = bench.summary
    panels = {
        "interquartile mean of hypervolumes": summary.interquartile_mean,
        f"probability of improvement over {bench.reference}": summary.superiority,
    }
    figure: Figure = make_subplots(1, 2, shared_yaxes=True, subplot_titles=[*panels])
    colors = dict(zip(bench.costs, _colors(bench), strict=True))
    for place, estimates in enumerate(panels.values(), 1):
        figure.add_scatter(
            x=[each.value for each in estimates.values()],
            y=[*estimates],
            error_x=_bars([*estimates.values()]),
            mode="markers",
            marker={"color": [colors[method] for method in estimates], "size": 10},
            showlegend=False,
            row=1,
            col=place,
        )
    figure.add_vline(x=0.5, line={"dash": "dot", "color": "#999"}, row=1, col=2)
    order = {"categoryorder": "array", "categoryarray": [*bench.costs][::-1]}
    return figure.update_yaxes(**order).update_layout(height=110 + 40 * len(bench.costs), **LAYOUT)


def _colors(bench: Bench) -> list[str]:
    return [qualitative.D3[index % len(qualitative.D3)] for index in range(len(bench.costs))]


def _pale(color: str) -> str:
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"


def _bars(estimates: list[Estimate]) -> dict[str, object]:
    bounds = [each.ci95 or (each.value, each.value) for each in estimates]
    return {
        "type": "data",
        "symmetric": False,
        "thickness": 1,
        "color": "#777777",
        "array": [high - each.value for each, (_, high) in zip(estimates, bounds, strict=True)],
        "arrayminus": [each.value - low for each, (low, _) in zip(estimates, bounds, strict=True)],
    }
