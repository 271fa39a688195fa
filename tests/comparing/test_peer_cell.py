from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning import bench
from rsoup_lightning.comparing.tables import tables
from rsoup_lightning.errors import ConfigError, RunFolderError, StageError
from rsoup_lightning.front.geometry import hypervolume
from rsoup_lightning.front.record import read_front
from tests.comparing.suites import MADE_PEER, write_suite
from tests.conftest import PointFineTuner


def suite(folder: Path, **peer: Any) -> Path:
    made = {"peer": {**MADE_PEER, "init_args": peer}}
    return write_suite(folder, seeds=[0], methods={"soup": {}, "made": made, "timed": {**made, "seconds": 90}})


def cell(folder: Path) -> Path:
    return folder / "out" / "point" / "made" / "seed-0"


def test_a_peer_stands_in_the_table_and_is_scored_as_we_are(tmp_path: Path) -> None:
    result = bench(suite(tmp_path), tmp_path / "out")
    ours, made, timed = result.cells
    assert made.steps == 2 + 2 * 2 and timed.steps == 7 and made.init_steps == 0  # the recipe's epochs
    module = PointFineTuner()
    for point, east in zip(made.points, (0, 0.25, 0.5, 0.75, 1), strict=True):
        x, y = 0.5 * east, 0.5 * (1 - east)
        expected = {"east": -((x - 1) ** 2) - y**2, "north": -(x**2) - (y - 1) ** 2}
        assert point == pytest.approx(expected, abs=0.15)  # but for the noise of actions, of 0.1
    assert made.points == timed.points and len(made.points) == len(ours.points)
    assert made.hypervolume == pytest.approx(hypervolume([[*point.values()] for point in made.points], [-2, -2]) / 4)
    assert made.unit == module.environment.unit
    rows = {row[0]: row for row in tables(result)[0].rows}
    assert rows["made"][3] == "1 ×" and rows["timed"][3] == "90 s"
    assert "trained on ['east', 'north']" in (cell(tmp_path) / "peer.log").read_text()


def test_what_has_ended_is_read_and_what_was_killed_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        bench(suite(tmp_path, flaw="killed"), tmp_path / "out")
    assert not (cell(tmp_path) / "peer.json").exists()
    with pytest.raises(KeyboardInterrupt):
        bench(suite(tmp_path, flaw="killed"), tmp_path / "again")
    first = bench(suite(tmp_path), tmp_path / "again")  # with other settings, as nothing of the killed one was kept
    with pytest.raises(StageError, match=r"What differs: peer\.init_args\.flaw: '' in the folder, 'library' now"):
        bench(suite(tmp_path, flaw="library"), tmp_path / "again")
    (tmp_path / "again" / "point" / "made" / "seed-0" / "peer.log").unlink()
    assert bench(suite(tmp_path), tmp_path / "again") == first
    assert not (tmp_path / "again" / "point" / "made" / "seed-0" / "peer.log").exists()
    with pytest.raises(RunFolderError, match="seed-0 is the training of a peer, which has no front of ours"):
        read_front(tmp_path / "again" / "point" / "made" / "seed-0")


def test_a_peer_that_fails_keeps_no_other_from_its_end(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"^point/made/seed-0: MadePeer cannot be trained: ValueError: of its own; "):
        bench(suite(tmp_path, flaw="library"), tmp_path / "out")
    assert (tmp_path / "out" / "point" / "soup" / "seed-0" / "front.json").exists()


def test_a_peer_that_does_not_fit_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="reach is 2"):
        bench(suite(tmp_path, reach=2.0), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", [{"steps": "many"}, {"points": 3}, {"other": 1}])
def test_damage_is_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    bench(suite(tmp_path), tmp_path / "out")
    file = cell(tmp_path) / "peer.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **damage}))
    with pytest.raises(StageError, match=r"peer.json is damaged: .*: delete it, and the peer is trained anew"):
        bench(suite(tmp_path), tmp_path / "out")
