from __future__ import annotations

from pathlib import Path

import pytest
from PIL.Image import Image

from rsoup_lightning import bench, soup
from rsoup_lightning.comparing.record import Bench, read_bench
from rsoup_lightning.errors import ConfigError, RunFolderError, StageError, UnknownNameError
from rsoup_lightning.modalities.data import Item, PictureData, Split
from rsoup_lightning.modalities.diffusion.pipeline import PipelineSource
from tests.comparing.suites import POINT_SUITE, write_suite

TASK = POINT_SUITE["tasks"]["point"]
QUICK = {"seeds": [3], "methods": {"soup": {}}}


def test_a_suite_grows_and_its_box_stays(tmp_path: Path) -> None:
    one = bench(write_suite(tmp_path, **QUICK), tmp_path / "out")
    assert isinstance(one, Bench) and read_bench(tmp_path / "out" / "bench.json") == one
    two = bench(write_suite(tmp_path, **{**QUICK, "methods": {"soup": {}, "experts": {"cost": 2.0}}}), tmp_path / "out")
    assert two.cells[0] == one.cells[0] and len(two.cells) == 2
    other = {"point": {**TASK, "box": {"east": [-2, 1], "north": [-2, 0]}}}
    with pytest.raises(RunFolderError, match=r"the box of point is .* but was .* put it back"):
        bench(write_suite(tmp_path, **QUICK, tasks=other), tmp_path / "out")


def test_one_that_fails_keeps_no_other_from_its_end(tmp_path: Path) -> None:
    broken = {"overrides": {"model.optimizer.init_args.lr": 1e30}}
    suite = write_suite(tmp_path, **{**QUICK, "methods": {"broken": broken, "soup": {}}})
    with pytest.raises(StageError, match=r"^point/broken/seed-3: "):
        bench(suite, tmp_path / "out")
    assert (tmp_path / "out" / "point" / "soup" / "seed-3" / "front.json").exists()
    assert not (tmp_path / "out" / "bench.json").exists()


def test_a_method_is_checked_against_the_model_as_it_changes_it(tmp_path: Path) -> None:
    warp = {"overrides": {"soup.method": "WARP", "model.kl": {"coefficient": 0.1}}}
    result = bench(write_suite(tmp_path, **{**QUICK, "methods": {"soup": {}, "warp": warp}}), tmp_path / "out")
    assert [cell.method for cell in result.cells] == ["soup", "warp"]
    without = {**QUICK, "methods": {"warp": warp, "late": {"overrides": {"soup.method": "WARP"}}}}
    with pytest.raises(ConfigError, match=r"set model\.kl\.coefficient"):
        bench(write_suite(tmp_path, **without), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_data_without_a_development_split_to_choose_on_are_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    drawing = f"""
task: rsoup_lightning.modalities.diffusion:DiffusionFineTuner
model:
  base: {{class_path: {__name__}.Unloadable}}
  data:
    class_path: rsoup_lightning.modalities.diffusion.picture_prompts.PicturePrompts
    init_args: {{pictures: {{class_path: {__name__}.Squares}}}}
  rewards: {{red: {{class_path: tests.modalities.diffusion.tiny.Bright}}}}
trainer: {{accelerator: cpu, max_epochs: 9}}
"""
    (tmp_path / "drawing.yaml").write_text(drawing)
    point = {**TASK, "overrides": {"trainer.max_epochs": 9}}
    tasks = {"point": point, "drawing": {"recipe": "drawing.yaml", "box": {"red": [0, 1]}}}
    methods = {"soup": {}, "best": {"candidates": {f"of{each}": {"soup.grid": each} for each in (3, 4)}}}
    refusal = r"Squares has nothing in its dev split: give it a dev_size"
    with pytest.raises(
        ConfigError, match=rf"^methods\.best chooses on the development split of drawing: {refusal}, or"
    ):
        bench(write_suite(tmp_path, seeds=[0], tasks=tasks, methods=methods), tmp_path / "out")
    for setting, value in (("soup.split", "dev"), ("soup.validate_every", 1)):
        with pytest.raises(ConfigError, match=rf"^{refusal}$"):
            soup(tmp_path / "drawing.yaml", tmp_path / "run", overrides={setting: value})
    assert not (tmp_path / "out").exists() and not (tmp_path / "run").exists()


class Squares(PictureData):
    """One square, to train on."""

    def items(self, split: Split) -> list[Item]:
        return [] if split == "dev" else [Item("red", ("a square",))]

    def picture(self, name: str) -> Image:
        raise AssertionError(name)


class Unloadable(PipelineSource):
    """A pipeline that nobody may ask for."""

    def load(self) -> None:
        raise AssertionError("a model was loaded")


def test_a_reward_that_is_not_there_is_refused_before_anything_runs(tmp_path: Path) -> None:
    wrong = {"late": {**TASK, "box": {"west": [-2, 0]}}}
    suite = write_suite(tmp_path, **QUICK, tasks={**POINT_SUITE["tasks"], **wrong})
    with pytest.raises(UnknownNameError, match="unknown reward 'west'"):
        bench(suite, tmp_path / "out")
    beside = {"point": {**TASK, "beside": {"far": {"wset": [-2, 0]}}}}
    with pytest.raises(UnknownNameError, match="unknown reward 'wset'"):
        bench(write_suite(tmp_path, **QUICK, tasks=beside), tmp_path / "out")
    assert not (tmp_path / "out").exists()
