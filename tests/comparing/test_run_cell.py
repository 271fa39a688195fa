from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rsoup_lightning import soup
from rsoup_lightning.comparing.run_cell import RunCell
from rsoup_lightning.errors import RunFolderError
from rsoup_lightning.files import write_json
from rsoup_lightning.front.geometry import hypervolume
from rsoup_lightning.merging import read_weights, write_weights
from rsoup_lightning.merging.disk.io import FILE_NAME
from rsoup_lightning.run.folders.claim import claim
from rsoup_lightning.run.folders.lineage import check_lineage, hashes
from tests.comparing.suites import POINT_SUITE, run_cells
from tests.running import front

TASK = POINT_SUITE["tasks"]["point"]


def weights(cell: RunCell, stage: str) -> str:
    return hashlib.sha256((cell.path / stage / FILE_NAME).read_bytes()).hexdigest()


def test_a_cell_is_the_run_that_it_would_be_alone_and_shares_its_init(tmp_path: Path) -> None:
    first, second, *_ = run_cells(tmp_path)
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
    (cell, *_) = run_cells(
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
    longer, plain, alike, *_ = run_cells(tmp_path, methods={"longer": {"cost": 2}, "soup": {}, "pure": pure})
    results = [result for cell, others in ((longer, []), (plain, [longer])) for result in cell.run(None, others)]
    claim(alike.path, alike.config)
    started = alike.path / "experts" / "east" / "last.ckpt"
    started.parent.mkdir(parents=True)
    started.write_text("of a training that was killed")
    results += alike.run(None, [longer, plain])
    assert weights(longer, "experts/east") != weights(plain, "experts/east") == weights(alike, "experts/east")
    assert [result.steps for result in results] == [2 * results[1].steps, results[1].steps, results[1].steps]
    assert not started.exists()


def test_an_expert_that_began_at_another_init_is_trained_anew(tmp_path: Path) -> None:
    """Inits of the same settings differ from one machine to the next: one cell had its own when another was added."""
    pure = {"overrides": {"soup.method": {"class_path": "BoneSoup", "init_args": {"beta": 1.0}}}}
    added, before, *_ = run_cells(tmp_path, methods={"soup": {}, "pure": pure})
    for cell in (added, before):
        cell.run(None, [])
    for name in ("stages/experts/east.json", "stages/front.json", "front.json"):
        (before.path / name).unlink()
    for cell, noise in ((added, 1e-4), (before, 0)):
        init = {name: tensor + noise for name, tensor in read_weights(cell.path / "init").items()}
        write_weights(cell.path / "init", init)
    record = added.folder.stage("experts/east")
    write_json(added.folder.record_of("experts/east"), {**record, "sources": hashes(added.folder, added.trainings[1])})
    before.run(None, [added])
    assert before.folder.stage("experts/east")["sources"] != added.folder.stage("experts/east")["sources"]
    check_lineage(before.folder, before.trainings)


def test_an_init_of_other_settings_is_trained_anew(tmp_path: Path) -> None:
    longer = {"overrides": {"soup.init_epochs": 3}}
    first, second, *_ = run_cells(tmp_path, methods={"soup": {}, "longer": longer})
    first.run(None, [])
    second.run(None, [first])
    assert weights(first, "init") != weights(second, "init")


def test_a_cell_refuses_the_folder_of_another(tmp_path: Path) -> None:
    run_cells(tmp_path)[0].run(None, [])
    changed = run_cells(tmp_path, methods={"soup": {"cost": 2}})[0]
    with pytest.raises(RunFolderError, match=r"What differs: trainer.max_epochs: 2 in the folder, 4 now"):
        changed.run(None, [])
