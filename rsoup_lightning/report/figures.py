"""The interactive pictures of the report: the front's views, the spider map and the map of λ. A click tells the point.

Every trace of points carries their indices in the record as ``customdata``, by which the page finds what to show.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import numpy as np
from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

from rsoup_lightning.front.record import Record
from rsoup_lightning.report import view

SYMBOLS = {"o": "circle", "s": "square", "X": "x", "D": "diamond"}
FADED = 0.3  # opacity
HOVER = {"hovertemplate": "%{text}<extra></extra>"}


def figures(record: Record) -> dict[str, Figure]:
    """Every picture that this front can have, by name: "front", and "spider" and "ternary" where they make sense."""
    drawn = {"front": pair_figure(record), "spider": spider_figure(record), "ternary": ternary_figure(record)}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def pair_figure(record: Record) -> Figure:
    """The front in every two rewards."""
    pairs = view.reward_pairs(record)
    rows, columns = view.grid_shape(len(pairs))
    figure: Figure = make_subplots(rows, columns, vertical_spacing=0.2 / rows)
    for place, (x, y) in enumerate(pairs):
        cell = {"row": place // columns + 1, "col": place % columns + 1}
        for line in view.lines(record):
            figure.add_scatter(
                x=view.column(line.points, x),
                y=view.column(line.points, y),
                mode="lines",
                line={"color": line.color, "width": 1, "dash": "dot" if line.dotted else "solid"},
                name=line.label,
                showlegend=bool(line.label) and not place,
                hoverinfo="skip",
                **cell,
            )
        for group in view.groups(record):
            points = group.points.values()
            figure.add_scatter(
                x=view.column(points, x),
                y=view.column(points, y),
                mode="markers",
                marker=_marker(group.mark),
                opacity=FADED if group.mark.faded else 1,
                showlegend=False,
                legendgroup=group.mark.label,
                error_x=_bars(points, x, group.mark.color),
                error_y=_bars(points, y, group.mark.color),
                customdata=list(group.points),
                text=[_hover(point) for point in points],
                **HOVER,
                **cell,
            )
        figure.update_xaxes(title_text=x, **cell)
        figure.update_yaxes(title_text=y, **cell)
    for mark in view.legend(record):
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            marker={**_marker(mark), "opacity": FADED if mark.faded else 1},
            name=mark.label,
            legendgroup=mark.label,
        )
    legend = {"orientation": "h", "y": 1.01, "yanchor": "bottom"}
    return figure.update_layout(
        template="plotly_white", height=90 + 380 * rows, margin={"t": 40, "b": 50, "r": 10}, legend=legend
    )


def spider_figure(record: Record) -> Figure | None:
    """Chosen policies, each an outline over all rewards; None for fewer than three rewards or a flat box."""
    outlines = view.outlines(record)
    if not outlines:
        return None
    rewards = record["rewards"]
    figure = Figure()
    for outline in outlines:
        figure.add_scatterpolar(
            r=[*outline.values, outline.values[0]],
            theta=[*rewards, rewards[0]],
            mode="lines+markers",
            line={"color": outline.color, "dash": "dot" if outline.dotted else "solid"},
            name=outline.label,
            customdata=[outline.index] * (len(rewards) + 1),
            text=[_hover(record["points"][outline.index])] * (len(rewards) + 1),
            **HOVER,
        )
    radius = {
        "range": view.spider_range(outlines),
        "tickvals": [0, 0.5, 1],
        "ticktext": ["0", "", "1"],
        "angle": 90,
        "tickangle": 90,
    }
    return figure.update_layout(
        template="plotly_white",
        height=460,
        title={"text": "Spider map: 0 = worst expert, 1 = best", "font": {"size": 14}},
        polar={"radialaxis": radius, "angularaxis": {"rotation": 90, "direction": "counterclockwise"}},
        legend={"orientation": "h", "y": -0.1, "font": {"size": 11}},
    )


def ternary_figure(record: Record) -> Figure | None:
    """Where in the triangle of λ the soup scores well; None but for three experts, or where their box is flat."""
    box = view.in_box(record)
    if len(record["experts"]) != 3 or box is None:
        return None
    inside = {i: p for i, p in view.of_kind(record, "soup", "expert").items() if not view.is_extrapolated(p)}
    points = inside.values()
    axes = {
        axis: [point["coefficients"].get(name, 0.0) for point in points]
        for axis, name in zip("abc", record["experts"], strict=True)
    }
    figure = Figure()
    figure.add_scatterternary(
        **axes,
        mode="markers",
        cliponaxis=False,
        marker={
            "size": 12,
            "color": np.mean(box[list(inside)], axis=1).tolist(),
            "colorscale": "Viridis",
            "colorbar": {"thickness": 12, "len": 0.7},
        },
        customdata=list(inside),
        text=[_hover(point) for point in points],
        **HOVER,
    )
    titles = {f"{axis}axis": {"title": {"text": name}} for axis, name in zip("abc", record["experts"], strict=True)}
    return figure.update_layout(
        template="plotly_white",
        height=460,
        title={"text": "λ, coloured by the mean score in the experts' box", "font": {"size": 14}},
        ternary=titles,
    )


def _marker(mark: view.Mark) -> dict[str, Any]:
    return {"color": mark.color, "symbol": SYMBOLS[mark.marker] + "-open" * mark.hollow, "size": 10}


def _bars(points: Iterable[Record], reward: str, color: str) -> dict[str, Any]:
    below, above = view.spread(points, reward)
    shape = {"type": "data", "symmetric": False, "thickness": 1, "width": 0, "color": color}
    return {**shape, "array": above, "arrayminus": below}


def _hover(point: Record) -> str:
    scores = "<br>".join(
        f"{html.escape(name)}: {value:.4g}{view.written_interval(point['ci95'][name])}"
        for name, value in point["scores"].items()
    )
    return f"<b>{html.escape(view.point_label(point))}</b><br>{scores}"
