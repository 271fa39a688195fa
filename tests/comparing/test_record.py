from __future__ import annotations

import json
from pathlib import Path

import pytest

from rsoup_lightning.comparing.record import read_bench
from rsoup_lightning.errors import FrontError
from tests.comparing.suites import made_up

BENCH = made_up({"soup": [[0.5, 0.0], [0.7, 0.0]], "other": [[0.8, 0.1], [1.0, 0.1]]})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    BENCH.write(tmp_path / "bench.json")
    assert read_bench(tmp_path / "bench.json") == BENCH


def test_what_cells_come_to() -> None:
    summary = BENCH.summary
    assert summary.hypervolume["task0"]["soup"].value == pytest.approx(0.6)
    against = summary.difference["task0"]["other"]
    assert against is not None and against.value == pytest.approx(0.5)
    assert summary.difference["task1"] == {"other": None}  # the reference has none
    assert summary.interquartile_mean["soup"].value == pytest.approx(0.25)
    assert {name: chance.value for name, chance in summary.superiority.items()} == {"other": 1.0}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema"], 1),
        (["cells", 0, "hypervolume"], "much"),
        (["cells", 0, "steps"], None),
        (["summary", "difference"], []),
        (["boxes", "task0", "a"], [0]),
        (["more"], 1),
    ],
)
def test_damage_is_refused(tmp_path: Path, path: list[str | int], value: object) -> None:
    BENCH.write(tmp_path / "bench.json")
    content = json.loads((tmp_path / "bench.json").read_text())
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (tmp_path / "bench.json").write_text(json.dumps(content))
    with pytest.raises(FrontError, match=rf"bench.json .*{path[0]}.*: rsoup bench writes it again"):
        read_bench(tmp_path / "bench.json")
