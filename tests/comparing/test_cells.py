from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning.comparing.cell import Cell
from rsoup_lightning.comparing.cells import cells_of
from rsoup_lightning.comparing.peer_cell import PeerCell
from rsoup_lightning.comparing.run_cell import RunCell
from rsoup_lightning.comparing.suite import read_suite
from rsoup_lightning.errors import ConfigError
from tests.comparing.suites import MADE_PEER, POINT_SUITE, run_cells, write_suite

TASK = POINT_SUITE["tasks"]["point"]


def cells(folder: Path, **changes: Any) -> list[Cell]:
    return cells_of(read_suite(write_suite(folder, **changes)), folder, folder / "out")


def test_every_method_trains_as_long_as_the_experts_times_its_cost(tmp_path: Path) -> None:
    found = run_cells(tmp_path)
    assert [(cell.seed, cell.method) for cell in found] == [(s, m) for s in (0, 1) for m in ("soup", "experts")]
    epochs = {cell.method: sum(stage.epochs for stage in cell.trainings if stage.start) for cell in found}
    assert epochs == {"soup": 2 * 2, "experts": 1.5 * 2 * 2}
    with pytest.raises(ConfigError, match=r"^methods.soup cannot train on point: .* 2 epochs at least, and may have 1"):
        cells(tmp_path, methods={"soup": {"cost": 0.25}})
    rounds = {"soup.method": {"class_path": "IteratedSoup", "init_args": {"rounds": 3}}}
    with pytest.raises(ConfigError, match=r"^methods.rounds cannot train on point: .* 6 epochs .* may have 4"):
        cells(tmp_path, methods={"rounds": {"overrides": rounds}})
    three = {"soup.method": {"class_path": "MORL", "init_args": {"preferences": [{"east": 2.0}]}}}
    with pytest.raises(ConfigError, match=r"^methods.three cannot train on point: .* must sum to 1"):
        cells(tmp_path, methods={"three": {"overrides": three}})


def test_rewards_of_the_box_span_the_front_and_recipes_train_no_baselines(tmp_path: Path) -> None:
    (cell, *_) = run_cells(tmp_path, tasks={"point": {**TASK, "box": {"north": [-2, 0]}}})
    assert [stage.name for stage in cell.trainings] == ["init", "experts/north"]
    assert cell.config["soup"]["experts"] == ["north"] and cell.config["soup"]["morl"] == []


def test_a_peer_may_take_as_many_steps_as_all_trainings_together_or_a_time(tmp_path: Path) -> None:
    peers = {"made": {"peer": MADE_PEER, "cost": 1.5}, "made_time": {"peer": MADE_PEER, "seconds": 2.0}}
    soup, made, timed, *_ = cells(tmp_path, methods={"soup": {}, **peers})
    assert isinstance(soup, RunCell) and isinstance(made, PeerCell) and isinstance(timed, PeerCell)
    init, experts = soup.trainings[0].epochs, sum(stage.epochs for stage in soup.trainings if stage.start)
    assert (made.epochs, made.seconds) == (init + 1.5 * experts, None)
    assert (timed.epochs, timed.seconds) == (None, 2.0)
