from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from rsoup_lightning import soup
from rsoup_lightning.errors import ConfigError, RewardError, RSoupError, RunFolderError, UnknownNameError
from rsoup_lightning.front.record import Record
from rsoup_lightning.rollout import Rollout
from tests.conftest import Near, PointFineTuner
from tests.running import POINT_RECIPE, front, rsoup

RECIPE: dict[str, Any] = yaml.safe_load(POINT_RECIPE)
SMALL = {"trainer": {"accelerator": "cpu", "max_epochs": 2}, "soup.grid": 3}


def scores(record: Record) -> list[dict[str, float]]:
    return [point["scores"] for point in record["points"]]


def test_a_recipe_gives_the_front_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    rsoup("soup", "-c", "point.yaml", "--run_dir", "run", "--trainer.max_epochs", "2", cwd=tmp_path)
    fronts = [
        soup(recipe, tmp_path / name, overrides={"trainer.max_epochs": 2})
        for name, recipe in (("file", tmp_path / "point.yaml"), ("content", RECIPE))
    ]
    assert [scores(found.record) for found in fronts] == [scores(front(tmp_path / "run"))] * 2
    assert yaml.safe_load((tmp_path / "file" / "config.yaml").read_text()) == yaml.safe_load(
        (tmp_path / "run" / "config.yaml").read_text()
    )
    assert RECIPE["trainer"]["max_epochs"] == 3  # as it was given


def test_what_other_processes_cannot_know_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    def build() -> PointFineTuner:
        return PointFineTuner()

    with pytest.raises(ConfigError, match=r"build is known only where soup.. was called: move it to a module"):
        soup(build, tmp_path / "run", overrides=SMALL, launcher="local")
    metrics = {"length": lambda prompts, outputs: [1.0] * len(outputs)}
    with pytest.raises(ConfigError, match=r"^the metrics length are known only where soup"):
        soup(RECIPE, tmp_path / "run", metrics=metrics, launcher="local")
    assert not (tmp_path / "run").exists()


def test_files_that_a_recipe_names_for_its_sections_lie_beside_it(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({**RECIPE, "soup": "part.yaml", "model": "model.yaml"}))
    (tmp_path / "part.yaml").write_text("grid: 4\n")
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(RECIPE["model"]))
    overrides = {"trainer.max_epochs": 1}
    kinds = [point["kind"] for point in soup(tmp_path / "r.yaml", tmp_path / "run", overrides=overrides).points]
    assert kinds == ["expert", "soup", "soup", "expert", "init"]
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["soup"]["grid"] == 4


def test_ones_own_objects(tmp_path: Path) -> None:
    def build() -> PointFineTuner:
        return PointFineTuner()

    found = soup(build, tmp_path / "run", overrides=SMALL)
    assert [point["kind"] for point in found.points] == ["expert", "soup", "expert", "init"]
    east = {point["coefficients"]["east"]: point["scores"]["east"] for point in found.points[:3]}
    assert east[0] < east[0.5] < east[1]
    assert soup(build, tmp_path / "run", overrides=SMALL).record == found.record
    with pytest.raises(RunFolderError, match="another configuration's run"):
        soup(build, tmp_path / "run", overrides={**SMALL, "soup.grid": 5})


def test_one_model_is_in_memory_whatever_the_number_of_stages_and_seeds(tmp_path: Path) -> None:
    built: list[weakref.ref[PointFineTuner]] = []
    there: list[int] = []

    def build() -> PointFineTuner:
        there.append(sum(model() is not None for model in built))
        module = PointFineTuner()
        built.append(weakref.ref(module))
        return module

    overrides = {**SMALL, "soup.morl": [{"east": 0.5, "north": 0.5}]}
    several = soup(build, tmp_path / "run", seeds=[0, 1], overrides=overrides)
    assert there == [0, 0]  # built once for each seed, the last one's gone by then
    gc.collect()
    assert not [model for model in built if model()]
    alone = soup(build, tmp_path / "alone", seeds=[1], overrides=overrides)
    assert [point["per_seed"]["east"][1] for point in several.points] == [p["scores"]["east"] for p in alone.points]


def test_only_rewards_that_train_need_a_scale(tmp_path: Path) -> None:
    class Same(Near):
        def __call__(self, rollout: Rollout) -> Tensor:
            return torch.zeros(len(rollout))

    def build() -> PointFineTuner:
        module = PointFineTuner()
        module.rewards["same"] = Same(1, 0)
        return module

    overrides = {**SMALL, "soup.experts": ["east", "north"], "soup.normalise": 2}
    assert {point["scores"]["same"] for point in soup(build, tmp_path / "run", overrides=overrides).points} == {0}
    with pytest.raises(RewardError, match="'same' is 0 for all of init's 64 completions: no scale"):
        soup(build, tmp_path / "all", overrides={**overrides, "soup.experts": ["east", "same"]})


def test_metrics_of_ones_own_stand_beside_the_rewards(tmp_path: Path) -> None:
    def far_east(prompts: list[str], outputs: list[Rollout]) -> list[float]:
        assert len(prompts) == len(outputs)
        return [float(output["actions"][0, 0, 0]) for output in outputs]

    found = soup(PointFineTuner, tmp_path / "run", overrides=SMALL, metrics={"far_east": far_east})
    assert set(front(tmp_path / "run")["points"][0]["scores"]) == {"east", "north", "far_east"}
    east = {p["coefficients"]["east"]: p["scores"]["far_east"] for p in found.points if p["coefficients"]}
    assert east[0] < east[0.5] < east[1] and east[0.5] == pytest.approx((east[0] + east[1]) / 2, abs=1e-6)
    assert found.points[0]["ci95"]["far_east"][0] < found.points[0]["scores"]["far_east"]
    assert "far_east" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize(
    ("recipe", "options", "error", "message"),
    [
        ("locomotion/quikstart", {}, UnknownNameError, "did you mean 'locomotion/quickstart'"),
        ({"trainer": {"max_epochs": 1}}, {}, ConfigError, "the recipe has no task"),
        (RECIPE, {"overrides": {"soup.gird": 3}}, ConfigError, "gird"),
        (RECIPE, {"overrides": {"soup.grid": "many"}}, ConfigError, "soup.grid: expected int, got many"),
        (RECIPE, {"overrides": {"seed_everything.x": 3}, "seeds": [0]}, ConfigError, "seed_everything"),
        (RECIPE, {"seeds": [1, 1]}, ConfigError, "a seed twice"),
        (RECIPE, {"seeds": [-1]}, ConfigError, "the seed is -1"),
        (PointFineTuner, {"overrides": {**SMALL, "model.seed": 1}}, ConfigError, "leave out model"),
    ],
)
def test_what_cannot_be_run_claims_no_folder(
    tmp_path: Path, recipe: Any, options: dict[str, Any], error: type[RSoupError], message: str
) -> None:
    with pytest.raises(error, match=message):
        soup(recipe, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()
