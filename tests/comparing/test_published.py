from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning.comparing.figures import front_figure
from rsoup_lightning.comparing.page import write_bench_page
from rsoup_lightning.comparing.published import Published
from rsoup_lightning.comparing.record import read_bench
from rsoup_lightning.comparing.suite import read_suite
from rsoup_lightning.comparing.tables import tables
from rsoup_lightning.errors import ConfigError
from tests.comparing.suites import POINT_SUITE, made_up, write_suite

VOLUMES = {"soup": [[0.5], [0.7]], "other": [[0.4], [0.6]]}
PUBLISHED = [
    Published("theirs", "A. Nother 2023", [{"a": 0.5, "b": 1.0}, {"a": 1.0, "b": 0.5}]),
    Published("older", "table 1", figures={"hypervolume in another box": 1.5}),
]
TASK = POINT_SUITE["tasks"]["point"]


def test_it_stands_beside_what_was_run_and_is_part_of_nothing(tmp_path: Path) -> None:
    with_it, without = made_up(VOLUMES, PUBLISHED), made_up(VOLUMES)
    assert replace(with_it, published={}) == without
    own, published, last = tables(with_it)
    assert [own, last] == tables(without)
    assert published.title == "task0, as published"
    assert published.head == ["method", "hypervolume in this box", "hypervolume in another box", "source"]
    assert published.rows == [
        ["theirs", "0.375", "–", "A. Nother 2023"],  # 0.5 x 0.5 + 0.5 x 0.25 of the box
        ["older", "–", "1.500", "table 1"],
    ]
    figure = front_figure(with_it, "task0")
    assert [trace.name for trace in figure.data if trace.showlegend] == ["soup", "other", "theirs (published)"]
    write_bench_page(tmp_path / "bench.html", with_it)
    assert "<td>older</td><td>–</td><td>1.500</td>" in (tmp_path / "bench.html").read_text()
    with_it.write(tmp_path / "bench.json")
    assert read_bench(tmp_path / "bench.json") == with_it


def test_a_suite_names_it(tmp_path: Path) -> None:
    printed = {"method": "theirs", "source": "table 2", "points": [{"east": -1, "north": -0.5}]}
    suite = read_suite(write_suite(tmp_path, tasks={"point": {**TASK, "published": [printed]}}))
    assert suite.tasks["point"].published == [Published("theirs", "table 2", [{"east": -1.0, "north": -0.5}])]


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ({"method": "a", "source": "b"}, "tasks.point.published of a has neither points nor figures"),
        ({"method": "a", "source": "b", "points": [{"east": 1}]}, r"a point .*: give it a score for each of .*north"),
        ({"method": "a", "source": "b", "figures": {"x": float("nan")}}, "of a has nan in it"),
        ({"method": "a", "points": [{"east": 1, "north": 1}]}, "source"),
    ],
)
def test_what_cannot_be_shown_is_refused(printed: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        read_suite(write_suite(tmp_path, tasks={"point": {**TASK, "published": [printed]}}))
