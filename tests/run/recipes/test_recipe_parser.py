from __future__ import annotations

from pathlib import Path

import lightning as L
import pytest

from rsoup_lightning.errors import ConfigError, RSoupError
from rsoup_lightning.run.recipes.recipe_parser import NOT_OF_RECIPES, built, fine_tuner_class, recipe_parser
from tests.conftest import PointFineTuner
from tests.running import POINT_RECIPE


def test_a_recipe_s_text_is_taken_as_it_was_read_and_its_sections_from_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "point.yaml"
    file.write_text("no recipe any more")
    (tmp_path / "part.yaml").write_text("grid: 4\n")
    text = POINT_RECIPE.partition("soup:")[0] + "soup: part.yaml\n"
    config = recipe_parser(PointFineTuner, {str(file): text}).parse_args(["-c", str(file)])
    assert config.trainer.max_epochs == 3 and config.soup.grid == 4


def test_where_and_how_fast_is_no_part_of_a_recipe() -> None:
    config = recipe_parser(PointFineTuner).parse_args(["--trainer.max_epochs", "1"])
    assert config.as_dict().keys() - {*NOT_OF_RECIPES} == {"seed_everything", "trainer", "model", "task", "soup"}


def test_a_part_is_built_of_plain_values_and_what_cannot_be_is_named() -> None:
    assert isinstance(built(L.Trainer, "trainer", {"max_epochs": 2, "logger": False}), L.Trainer)
    with pytest.raises(RSoupError, match="max_epoch"):
        built(L.Trainer, "trainer", {"max_epoch": 2})


def test_only_fine_tuners_are_tasks() -> None:
    assert fine_tuner_class("tests.conftest:PointFineTuner") is PointFineTuner
    with pytest.raises(ConfigError, match="not a RewardFineTuner"):
        fine_tuner_class("tests.conftest:PointPolicy")
