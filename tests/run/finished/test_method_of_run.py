from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.merging import write_weights
from rsoup_lightning.methods import BoneSoup, RewardedSoup
from rsoup_lightning.run.finished.method_of_run import merge_of, method_of


def recipe(folder: Path, **soup: object) -> Path:
    (folder / "config.yaml").write_text(yaml.safe_dump({"soup": soup}))
    return folder


def test_the_method_is_the_recipes(tmp_path: Path) -> None:
    method = method_of(recipe(tmp_path, method={"class_path": "BoneSoup", "init_args": {"beta": 0.9}}))
    assert isinstance(method, BoneSoup) and method.beta == 0.9
    assert type(method_of(recipe(tmp_path, grid=3))) is RewardedSoup


def test_weights_are_merged_as_the_run_merged_them(tmp_path: Path) -> None:
    experts = [{"w": torch.tensor([3.0, 1.0])}, {"w": torch.tensor([1.0, 3.0])}]
    linear = merge_of(recipe(tmp_path, method="RewardedSoup"))
    torch.testing.assert_close(dict(linear(experts, (0.5, 0.5))), {"w": torch.tensor([2.0, 2.0])})
    write_weights(tmp_path / "init", {"w": torch.ones(2)})
    run = recipe(
        tmp_path,
        method={"class_path": "RewardedSoup", "init_args": {"merge": "liti", "options": {"towards_init": 0.75}}},
    )
    torch.testing.assert_close(dict(merge_of(run)(experts, (0.5, 0.5))), {"w": torch.tensor([1.25, 1.25])})
    assert merge_of(run)(experts, (1.0, 0.0))["w"].tolist() == [3.0, 1.0], "an expert alone is that expert"


def test_a_run_without_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RSoupError, match=r"config\.yaml"):
        method_of(tmp_path)
