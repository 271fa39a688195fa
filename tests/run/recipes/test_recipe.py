from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch.plugins.environments import LightningEnvironment

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.recipes.recipe_parser import recipe_parser
from tests.conftest import PointFineTuner
from tests.running import POINT_RECIPE


def resolved(tmp_path: Path, *more: str) -> Recipe:
    (tmp_path / "point.yaml").write_text(POINT_RECIPE)
    parser = recipe_parser(PointFineTuner)
    config = parser.parse_args(["-c", str(tmp_path / "point.yaml"), *more])
    return Recipe.resolve("tests.conftest:PointFineTuner", parser, config)


def test_a_fine_tuner_is_that_of_its_seed(tmp_path: Path) -> None:
    recipe = resolved(tmp_path)
    module = recipe.fine_tuner(7)
    assert module.seed == 7 and module.algorithm.completions == 4
    drawn = torch.rand(2)
    recipe.fine_tuner(7)
    assert torch.equal(drawn, torch.rand(2))
    assert recipe.check(module) == ["east", "north"]


def test_what_its_module_does_not_have_is_refused(tmp_path: Path) -> None:
    recipe = resolved(tmp_path, "--soup.experts", "[east, nort]")
    with pytest.raises(RSoupError, match="did you mean 'north'"):
        recipe.check(recipe.fine_tuner(0))


def test_what_claims_a_folder_can_be_run_again(tmp_path: Path) -> None:
    recipe = resolved(tmp_path)
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(recipe.resolved(seed_everything=5)))
    parser = recipe_parser(PointFineTuner)
    again = Recipe.resolve(recipe.task, parser, parser.parse_args(["-c", str(tmp_path / "again.yaml")]))
    assert replace(again.settings, method=recipe.settings.method) == recipe.settings
    assert again.resolved() == recipe.resolved(seed_everything=5)


def test_trainers_know_nothing_of_a_job_of_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SLURM_NTASKS", "2"), ("SLURM_JOB_ID", "3"), ("SLURM_JOB_NAME", "mine")):
        monkeypatch.setenv(name, value)
    trainer = resolved(tmp_path).trainer()
    assert trainer.world_size == 1 and isinstance(
        trainer._accelerator_connector.cluster_environment, LightningEnvironment
    )
    with pytest.raises(RSoupError, match=r"trainer\.plugins: SLURMEnvironment: remove it"):
        resolved(tmp_path, "--trainer.plugins", "SLURMEnvironment")


def test_a_scale_that_a_run_would_measure_itself_is_refused(refused: Callable[..., str]) -> None:
    recipe = yaml.safe_load(POINT_RECIPE)
    recipe["model"]["normalisation"] = {"east": [0.2, 0.05]}
    assert "model.normalisation: remove it: a run measures init's rewards itself" in refused("soup", recipe=recipe)
