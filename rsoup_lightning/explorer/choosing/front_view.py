"""The front to hover and to click in, with the chosen λ on it, and what to expect there."""

from __future__ import annotations

import html
from typing import Any

from nicegui import ui

from rsoup_lightning.explorer.choosing import mixing
from rsoup_lightning.explorer.choosing.selection import Selection
from rsoup_lightning.front.expected import Expected
from rsoup_lightning.playing.run_front import RunFront
from rsoup_lightning.report import view

INK, GRID = "#85827d", "rgba(133, 130, 125, 0.18)"  # to be read on light and on dark
CHOSEN = "#1f6fae"


class FrontView:
    """The picture of a front.

    Args:
        front: what was measured.
        selection: whose λ is marked in it, and set by a click on a point.
        figure: as :meth:`Front.plot` draws it.
    """

    def __init__(self, front: RunFront, selection: Selection, figure: dict[str, Any]) -> None:
        self._front, self._selection = front, selection
        self._pairs = view.reward_pairs(front.record)
        self._first = len(figure["data"])
        figure["layout"] |= {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"color": INK}}
        for name, axis in figure["layout"].items():
            if name.startswith(("xaxis", "yaxis")):
                axis |= {"gridcolor": GRID, "linecolor": GRID, "zerolinecolor": GRID}
        figure["data"] += [_marker(number) for number in range(len(self._pairs))]
        figure["config"] = {"displayModeBar": False, "responsive": True}
        self._figure = figure
        self._place(front.expected(selection.mix))
        self._plot = ui.plotly(figure).classes("plot").props('role=figure aria-label="The front"')
        self._plot.on("plotly_click", self._clicked, js_handler="(event) => emit(event.points[0].customdata)")
        self._drawn = False
        self._plot.on("plotly_afterplot", self._is_drawn, js_handler="() => emit()")
        selection.on_move(self._show)

    def _is_drawn(self) -> None:
        self._drawn = True

    def _show(self) -> None:
        self._place(self._front.expected(self._selection.mix))
        if not self._drawn:  # its script is still on the way, and there is nothing to restyle
            self._plot.update()
            return
        traces = self._figure["data"][self._first :]
        changed = {
            key: [trace[key] for trace in traces] for key in ("x", "y", "error_x", "error_y", "marker", "text", "name")
        }
        self._plot.run_plot_method("restyle", changed, list(range(self._first, self._first + len(traces))))

    def _place(self, expected: Expected | None) -> None:
        """Put the mark of the chosen λ where it is expected to score; nowhere where nobody can tell."""
        label = f"λ: {html.escape(mixing.in_words(self._selection.mix))}"
        for trace, (x, y) in zip(self._figure["data"][self._first :], self._pairs, strict=True):
            trace["x"], trace["y"] = ([expected.scores[x]], [expected.scores[y]]) if expected else ([None], [None])
            trace["error_x"], trace["error_y"] = _bar(expected, x), _bar(expected, y)
            estimated = expected is not None and expected.point is None
            trace["name"] = "chosen λ (estimate)" if estimated else "chosen λ"
            trace["marker"] = _look(estimated)
            trace["text"] = [f"<b>{label}</b><br>" + "<br>".join(score_lines(expected))] if expected else [label]

    def _clicked(self, event: Any) -> None:
        index = event.args[0] if isinstance(event.args, list) and event.args else event.args
        points = self._front.points
        weights = points[index]["coefficients"] if isinstance(index, int) and 0 <= index < len(points) else None
        if weights and not view.is_extrapolated(points[index]):
            self._selection.move(mixing.whole({name: weights.get(name, 0.0) for name in self._selection.experts}))


class ExpectedView:
    """A table of the scores at the chosen λ: measured, or estimated and marked as such."""

    def __init__(self, front: RunFront, selection: Selection) -> None:
        self._front, self._selection = front, selection
        self._table = ui.html("", sanitize=False).props("aria-live=polite")
        self._show()
        selection.on_move(self._show)

    def _show(self) -> None:
        expected = self._front.expected(self._selection.mix)
        if expected is None:
            self._table.set_content(
                "<p class=note>Between the measured λ nobody can say what to expect: too few were measured. "
                "Click a point of the front.</p>"
            )
            return
        watched = [name for name in expected.scores if name not in self._front.rewards]
        rows = "".join(_row(expected, name) for name in [*self._front.rewards, *watched])
        note = "Measured at this λ."
        if expected.point is None:
            note = (
                f"<b>An estimate</b>, not measured: a quadratic fitted to the {expected.fitted} measured λ around it. "
                "Brackets are its 95 % interval."
            )
        marked = " class=estimate" if expected.point is None else ""
        self._table.set_content(f"<div{marked}><table>{rows}</table><p class=note>{note}</p></div>")


def score_lines(expected: Expected) -> list[str]:
    """A line per score, as hovering shows it."""
    return [
        f"{html.escape(name)}: {score:.4g}{view.written_interval(expected.ci95[name])}"
        for name, score in expected.scores.items()
    ]


def _row(expected: Expected, name: str) -> str:
    interval = view.written_interval(expected.ci95[name])
    return f"<tr><td>{html.escape(name)}</td><td>{expected.scores[name]:.4g}<small>{interval}</small></td></tr>"


def _marker(number: int) -> dict[str, Any]:
    """The trace of the chosen λ in the panel of a pair of rewards."""
    suffix = str(number + 1) if number else ""
    axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    return {
        "type": "scatter",
        "mode": "markers",
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": not number,
        **axes,
    }


def _look(estimated: bool) -> dict[str, Any]:
    symbol = "circle-open-dot" if estimated else "circle-open"
    return {"size": 20, "symbol": symbol, "color": CHOSEN, "line": {"width": 2.5, "color": CHOSEN}}


def _bar(expected: Expected | None, reward: str) -> dict[str, Any]:
    interval = expected.ci95[reward] if expected else None
    score = expected.scores[reward] if expected else 0.0
    low, high = interval or (score, score)
    shape = {"type": "data", "symmetric": False, "thickness": 1.5, "width": 4, "color": CHOSEN}
    return {**shape, "array": [max(high - score, 0.0)], "arrayminus": [max(score - low, 0.0)]}
