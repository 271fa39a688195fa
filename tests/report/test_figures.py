from __future__ import annotations

import pytest

from rsoup_lightning.report.figures import figures
from tests.report.demo import demo_record


@pytest.mark.parametrize(
    ("rewards", "views", "names"),
    [(2, 1, {"front"}), (3, 3, {"front", "spider", "ternary"}), (4, 6, {"front", "spider"})],
)
def test_each_view_holds_every_point_for_the_page_to_look_up(rewards: int, views: int, names: set[str]) -> None:
    record = demo_record(rewards, steps=3)
    drawn = figures(record)
    assert drawn.keys() == names
    axes: dict[str, list[int]] = {}
    for trace in drawn["front"].data:
        axes.setdefault(trace.xaxis or "x", []).extend(trace.customdata if trace.customdata is not None else [])
    assert len(axes) == views
    assert all(sorted(indices) == list(range(len(record["points"]))) for indices in axes.values())
    legend = [trace.name for trace in drawn["front"].data if trace.showlegend is not False]
    assert len(legend) == len(set(legend))


def test_six_views_stand_in_two_rows_of_three() -> None:
    layout = figures(demo_record(4, steps=2))["front"].layout
    columns = {layout[f"xaxis{number}"].domain[0] for number in range(1, 7)}
    rows = {layout[f"yaxis{number}"].domain[0] for number in range(1, 7)}
    assert (len(columns), len(rows)) == (3, 2)


def test_spider_outlines_are_closed_and_can_be_clicked() -> None:
    record = demo_record(3)
    for trace in figures(record)["spider"].data:
        assert trace.r[0] == trace.r[-1] and len(trace.r) == len(trace.theta) == len(trace.customdata) == 4
        assert record["points"][trace.customdata[0]]["kind"] in ("expert", "soup", "morl")


def test_ternary_map_has_the_simplex_and_not_what_lies_outside() -> None:
    trace = figures(demo_record(3))["ternary"].data[0]
    assert len(trace.a) == 15
    assert all(sum(row) == pytest.approx(1) for row in zip(trace.a, trace.b, trace.c, strict=True))
    best = max(range(15), key=trace.marker.color.__getitem__)
    assert min(trace.a[best], trace.b[best], trace.c[best]) > 0  # concave rewards: the middle is best on average
