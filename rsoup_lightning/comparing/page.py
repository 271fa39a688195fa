"""``bench.html``: a suite's pictures and tables in one file that opens offline."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import asdict
from pathlib import Path
from string import Template

from plotly.graph_objects import Figure

from rsoup_lightning.comparing.figures import aggregate_figure, cost_figure, front_figure
from rsoup_lightning.comparing.record import Bench
from rsoup_lightning.comparing.tables import table_of_all, tables_of_task
from rsoup_lightning.files import write_text

EXPLAINED = (
    "<p><small>A line is what a method attains in one reward where the other is to be at least so high: the mean over "
    "seeds, in a band from the worst seed to the best; dots are policies. Click a name to hide it.</small></p>"
)


def write_bench_page(file: Path, bench: Bench) -> None:
    """Write the page of a suite."""
    sections = []
    for index, task in enumerate(bench.boxes):
        own, *published = tables_of_task(bench, task)
        sections.append(
            f"<h2>{html.escape(task)}</h2>{_drawn(front_figure(bench, task), first=not index)}{EXPLAINED}"
            f"<div class=wide>{own.html()}</div>"
        )
        sections += [f"<h3>{html.escape(each.title)}</h3><div class=wide>{each.html()}</div>" for each in published]
    encoded = base64.b64encode(json.dumps(asdict(bench), indent=1).encode()).decode()
    page = Template((Path(__file__).parent / "page.html.in").read_text(encoding="utf-8")).substitute(
        title=html.escape(bench.suite),
        json=f"data:application/json;base64,{encoded}",
        tasks="".join(sections),
        cost=_drawn(cost_figure(bench)),
        aggregate=_drawn(aggregate_figure(bench)),
        table=table_of_all(bench).html(),
    )
    write_text(file, page)


def _drawn(figure: Figure, *, first: bool = False) -> str:
    """A figure; the ``first`` one brings the library that draws all."""
    return figure.to_html(full_html=False, include_plotlyjs=first, config={"responsive": True})
