from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning import soup
from rsoup_lightning.comparing.cells import Cell, cells_of
from rsoup_lightning.comparing.suite import read_suite
from rsoup_lightning.errors import ConfigError, RunFolderError
from rsoup_lightning.front.geometry import hypervolume
from rsoup_lightning.merging.disk.io import FILE_NAME
from rsoup_lightning.run.claim import claim
from tests.comparing.suites import POINT_SUITE, write_suite
from tests.running import front

TASK = POINT_SUITE["tasks"]["point"]


def cells(folder: Path, **changes: Any) -> list[Cell]:
    return cells_of(read_suite(write_suite(folder, **changes)), folder, folder / "out")


def weights(cell: Cell, stage: str) -> str:
    return hashlib.sha256((cell.path / stage / FILE_NAME).read_bytes()).hexdigest()


def test_every_method_trains_as_long_as_the_experts_times_its_cost(tmp_path: Path) -> None:
    found = cells(tmp_path)
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
    (cell, *_) = cells(tmp_path, tasks={"point": {**TASK, "box": {"north": [-2, 0]}}})
    assert [stage.name for stage in cell.trainings] == ["init", "experts/north"]
    assert cell.config["soup"]["experts"] == ["north"] and cell.config["soup"]["morl"] == []


def test_a_cell_is_the_run_that_it_would_be_alone_and_shares_its_init(tmp_path: Path) -> None:
    first, second, *_ = cells(tmp_path)
    results = [*first.run(None, []), *second.run(None, [first])]
    assert weights(first, "init") == weights(second, "init")
    assert first.folder.stage("init") == second.folder.stage("init")
    overrides = {"soup.experts": ["east", "north"], "soup.morl": [], "trainer.max_epochs": 3, "soup.kind": "one_hot"}
    alone = soup(tmp_path / "point.yaml", tmp_path / "alone", overrides={**overrides, "soup.films": False})
    assert front(second.path)["points"] == alone.record["points"]
    points = [[*point.values()] for point in results[0].points]
    assert len(points) == 5
    assert results[0].hypervolume == pytest.approx(hypervolume(points, [-2, -2]) / 4)
    assert results[0].steps * 3 == results[1].steps * 2 > 0
    assert results[0].memory is None or results[0].memory > 1e8
    assert first.run(None, []) == results[:1]  # what is finished is read


def test_a_box_beside_scores_the_same_policies(tmp_path: Path) -> None:
    (cell, *_) = cells(
        tmp_path, tasks={"point": {**TASK, "box": {"east": [-2, 0]}, "beside": {"n": {"north": [-3, 0]}}}}
    )
    own, beside = cell.run(None, [])
    assert (own.task, beside.task) == ("point", "point_n")
    measured = [point["scores"] for point in front(cell.path)["points"] if point["kind"] == "expert"]
    assert own.points == [{"east": scores["east"]} for scores in measured]
    assert beside.points == [{"north": scores["north"]} for scores in measured]
    assert beside.hypervolume == pytest.approx((beside.points[0]["north"] + 3) / 3)
    assert own.steps == beside.steps


def test_what_methods_train_alike_is_trained_once(tmp_path: Path) -> None:
    pure = {"overrides": {"soup.method": {"class_path": "BoneSoup", "init_args": {"beta": 1.0}}}}
    longer, plain, alike, *_ = cells(tmp_path, methods={"longer": {"cost": 2}, "soup": {}, "pure": pure})
    results = [result for cell, others in ((longer, []), (plain, [longer])) for result in cell.run(None, others)]
    claim(alike.path, alike.config)
    started = alike.path / "experts" / "east" / "last.ckpt"
    started.parent.mkdir(parents=True)
    started.write_text("of a training that was killed")
    results += alike.run(None, [longer, plain])
    assert weights(longer, "experts/east") != weights(plain, "experts/east") == weights(alike, "experts/east")
    assert [result.steps for result in results] == [2 * results[1].steps, results[1].steps, results[1].steps]
    assert not started.exists()


def test_an_init_of_other_settings_is_trained_anew(tmp_path: Path) -> None:
    longer = {"overrides": {"soup.init_epochs": 3}}
    first, second, *_ = cells(tmp_path, methods={"soup": {}, "longer": longer})
    first.run(None, [])
    second.run(None, [first])
    assert weights(first, "init") != weights(second, "init")


def test_a_cell_refuses_the_folder_of_another(tmp_path: Path) -> None:
    cells(tmp_path)[0].run(None, [])
    changed = cells(tmp_path, methods={"soup": {"cost": 2}})[0]
    with pytest.raises(RunFolderError, match=r"What differs: trainer.max_epochs: 2 in the folder, 4 now"):
        changed.run(None, [])
