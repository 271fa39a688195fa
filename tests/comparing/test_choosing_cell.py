from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rsoup_lightning.comparing.bench import check_cells
from rsoup_lightning.comparing.cells import cells_of
from rsoup_lightning.comparing.choosing_cell import ChoosingCell
from rsoup_lightning.comparing.record import Bench
from rsoup_lightning.comparing.suite import read_suite
from rsoup_lightning.comparing.tables import tables
from rsoup_lightning.errors import ConfigError, RSoupError, RSoupWarning
from rsoup_lightning.front.record import read_front
from tests.comparing.suites import POINT_SUITE, write_suite
from tests.running import front

BONES = {
    name: {"soup.method": {"class_path": "BoneSoup", "init_args": {"beta": beta}}, "model.optimizer.init_args.lr": rate}
    for name, beta, rate in (("still", 0.8, 1e-9), ("moving", 0.7, 0.05), ("slow", 0.9, 1e-3))
}


def suite(folder: Path, **method: Any) -> Any:
    task = {**POINT_SUITE["tasks"]["point"], "overrides": {"trainer.max_epochs": 10, "soup.films": False}}
    return read_suite(write_suite(folder, seeds=[0], tasks={"point": task}, methods={"soup": {}, "bones": method}))


def test_the_best_of_short_runs_on_the_development_split_is_run_and_all_is_paid_for(tmp_path: Path) -> None:
    content = suite(tmp_path, candidates=BONES)
    plain, cell = cells_of(content, tmp_path, tmp_path / "out")
    assert isinstance(cell, ChoosingCell)
    tried, whole = (
        {name: sum(stage.epochs for stage in run.trainings if stage.start) for name, run in runs.items()}
        for runs in (cell.tried, cell.whole)
    )
    assert tried == dict.fromkeys(BONES, 2) and whole == dict.fromkeys(BONES, 14) and 3 * 2 + 14 == 2 * 10
    (soup,) = plain.run(None, [])
    (found,) = cell.run(None, [plain])
    assert found.chosen == "moving" and found.method == "bones"
    assert found.steps == soup.steps, "it is as long as a soup"
    assert {run.recipe.settings.split for run in cell.tried.values()} == {"dev"}
    assert [path.name for path in (cell.path / "chosen").iterdir()] == ["moving"]
    experts = [each for each in front(cell.path / "chosen" / "moving")["points"] if each["kind"] == "expert"]
    assert sorted(each["preference"]["east"] for each in experts) == pytest.approx([0.3, 0.7])
    (alone,) = cell.whole["moving"].run(None, [])
    assert replace(found, chosen=None).points == alone.points and found.hypervolume == alone.hypervolume
    assert cell.finished and cell.run(None, []) == [found]
    with pytest.raises(RSoupError, match=r"seed-0 is not a run: did you mean .*chosen/moving"):
        read_front(cell.path)
    table, _ = tables(Bench.of("bones", content, [soup, found]))
    assert [row[0] for row in table.rows] == ["soup", "bones (moving)"]


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ({"candidates": {"one": {}}}, "methods.bones.candidates: give two or more"),
        ({"candidates": {"a/b": {}, "c": {}}}, "'a/b' names folders"),
        ({"candidates": [1]}, r"methods.bones.candidates is \[1\], not a mapping"),
        ({"candidates": {"a": None, "b": {}}}, "methods.bones.candidates.a is None, not a mapping"),
        ({"candidates": {"a": {"trainer": {}}, "b": {}}}, r"candidates.a.overrides: trainer is no key"),
        ({"candidates": {"a": {"trainer.max_epochs": 3}, "b": {}}}, "bones: remove trainer.max_epochs"),
        ({"candidates": {"a": {"soup.split": "eval"}, "b": {}}}, "candidates.a: remove soup.split"),
    ],
)
def test_what_cannot_be_chosen_among_is_refused(method: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(RSoupError, match=said):
        suite(tmp_path, **method)


def test_a_cost_that_does_not_pay_for_the_choice_is_refused(tmp_path: Path) -> None:
    content = suite(tmp_path, candidates=BONES, cost=0.35)
    with pytest.raises(ConfigError, match=r"methods.bones cannot train on point: it needs 8 epochs .* may have 7"):
        cells_of(content, tmp_path, tmp_path / "out")


def test_a_try_as_long_as_the_run_is_refused(tmp_path: Path) -> None:
    content = suite(tmp_path, candidates=BONES, cost=0.4)  # 3 tries of 2 epochs and one run of 2
    with pytest.raises(ConfigError, match="tried for as many epochs per expert as are left for the best, 1:"):
        cells_of(content, tmp_path, tmp_path / "out")


def test_where_several_did_as_well_the_first_is_run_and_that_is_said(tmp_path: Path) -> None:
    alike = {name: {"soup.method": BONES["moving"]["soup.method"]} for name in ("one", "other")}
    _, cell = cells_of(suite(tmp_path, candidates=alike), tmp_path, tmp_path / "out")
    with pytest.warns(RSoupWarning, match=r"bones on point, seed 0: .* other did as well as one \("):
        assert [each.chosen for each in cell.run(None, [])] == ["one"]


def test_what_one_candidate_overrides_is_not_the_next_ones(tmp_path: Path) -> None:
    kind = {"soup.method": {"class_path": "BoneSoup", "init_args": {}}}
    candidates = {"given": {"soup.method.init_args.beta": 0.6}, "plain": {}}
    _, cell = cells_of(suite(tmp_path, overrides=kind, candidates=candidates), tmp_path, tmp_path / "out")
    assert isinstance(cell, ChoosingCell)
    assert [run.recipe.settings.method.beta for run in cell.whole.values()] == [0.6, 0.7]


def test_candidates_are_checked_as_their_own_recipes_are(tmp_path: Path) -> None:
    warp = {"overrides": {"soup.method": "WARP"}}
    told = {name: {"model.kl.coefficient": beta} for name, beta in (("little", 0.01), ("much", 0.1))}
    check_cells(cells_of(suite(tmp_path, **warp, candidates=told), tmp_path, tmp_path / "out"))
    untold = {**told, "none": {"model.kl.coefficient": 0.0}}
    with pytest.raises(ConfigError, match=r"set model\.kl\.coefficient"):
        check_cells(cells_of(suite(tmp_path, **warp, candidates=untold), tmp_path, tmp_path / "out"))
