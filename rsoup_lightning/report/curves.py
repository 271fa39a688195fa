"""Learning curves: the rewards of every stage of a run over its training steps, each from where it began."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

from rsoup_lightning.front.record import Record, Stages
from rsoup_lightning.report import view

REWARD = "reward/"
GUARD = "guard/"
MULTIPLIER = "multiplier/"


@dataclass(frozen=True)
class Curve:
    """A stage under one seed: what it logged after so many training steps, with those of what it began at.

    Attributes:
        values: of rewards, as its guard measured it where there is one, and of multipliers ("multiplier of fluency").
        limits: what guards hold rewards above.
    """

    label: str
    group: str
    color: str
    dotted: bool
    steps: list[int]
    values: dict[str, list[float | None]]
    limits: dict[str, float]


def curves(record: Record, seeds: Sequence[Stages]) -> list[Curve]:
    """The curve of every stage that has a history, seed by seed.

    Args:
        record: the content of front.json.
        seeds: the stages of each seed.
    """
    return [
        curve
        for stages in seeds
        for name, stage in stages.items()
        if (curve := _curve(name, stage, record["experts"], _before(stages, name)))
    ]


def curves_figure(record: Record, seeds: Sequence[Stages]) -> Figure | None:
    """A panel per reward with the curve of every stage; None where no stage has a history."""
    drawn = curves(record, seeds)
    if not drawn:
        return None
    names = list(dict.fromkeys([*record["rewards"], *(name for curve in drawn for name in curve.values)]))
    unit = seeds[0]["init"]["unit"]
    rows, columns = view.grid_shape(len(names))
    figure: Figure = make_subplots(rows, columns, vertical_spacing=0.25 / rows)
    legend: set[str] = set()
    for curve in drawn:
        for place, name in enumerate(names):
            cell = {"row": place // columns + 1, "col": place % columns + 1}
            figure.add_scatter(
                x=curve.steps,
                y=curve.values.get(name, []),
                mode="lines+markers",
                line={"color": curve.color, "width": 1.5, "dash": "dot" if curve.dotted else "solid"},
                marker={"size": 4},
                name=curve.group,
                legendgroup=curve.group,
                showlegend=curve.group not in legend,
                hovertemplate=f"<b>{html.escape(curve.label)}</b><br>{html.escape(name)}: %{{y:.4g}}<br>"
                f"%{{x:,}} {unit}<extra></extra>",
                **cell,
            )
            legend.add(curve.group)
            figure.update_xaxes(title_text=f"{unit} of training, with init's", rangemode="tozero", **cell)
            figure.update_yaxes(title_text=name, **cell)
    for name, limit in dict.fromkeys(pair for curve in drawn for pair in curve.limits.items()):
        row, column = divmod(names.index(name), columns)
        figure.add_hline(limit, row=row + 1, col=column + 1, line={"color": "#999999", "dash": "dash", "width": 1})
    return figure.update_layout(
        template="plotly_white",
        height=90 + 320 * rows,
        margin={"t": 40, "b": 50, "r": 10},
        legend={"orientation": "h", "y": 1.01, "yanchor": "bottom"},
    )


def _before(stages: Stages, name: str) -> int:
    """The training steps behind the weights that a stage began at: of several, the most."""
    sources = stages[name]["sources"]
    return max((_before(stages, source) + stages[source].get("steps", 0) for source in sources), default=0)


def _curve(name: str, stage: Record, experts: Sequence[str], before: int) -> Curve | None:
    """The curve of a stage after so many steps of others; None where it has no history."""
    history = stage.get("history")
    if not history:
        return None
    family = name.partition("/")[0]
    logged = {key: [entry.get(key) for entry in history] for key in history[-1]}
    values: dict[str, list[float | None]] = {}
    for prefix, title in ((REWARD, ""), (GUARD, ""), (MULTIPLIER, "multiplier of ")):
        values |= {title + key.removeprefix(prefix): each for key, each in logged.items() if key.startswith(prefix)}
    written = ", ".join(f"{reward} {weight:.3g}" for reward, weight in stage["preference"].items())
    others = {
        "init": ("init", view.MARKS["init"].color),
        "baselines": (view.MARKS["morl"].label, view.MARKS["morl"].color),
    }
    own = dict(zip((f"experts/{expert}" for expert in experts), cycle(view.EXPERT_COLORS), strict=False))
    if name in own:
        group, color = f"expert {name.removeprefix('experts/')}", own[name]
    else:  # a method may have stages of other names
        group, color = others.get(family, (name, view.MARKS["soup"].color))
    label = f"{group.partition(' (')[0]} (μ: {written})"
    return Curve(
        label,
        group,
        color,
        family == "baselines",
        [before + entry["steps"] for entry in history],
        values,
        stage.get("limits", {}),
    )
