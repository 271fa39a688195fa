"""Suites of ours at a test's size: on tiny models, for a few steps, without a GPU, the hub or hours of pre-training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from rsoup_lightning.comparing.suite import Suite, SuiteTask
from tests import test_paper_picture_recipes, test_paper_recipes, test_recipes
from tests.modalities.language import tiny
from tests.modalities.vision_language import test_coca

SOUP = {"trainer.accelerator": "cpu", "trainer.max_epochs": 2, "soup.grid": 3, "soup.shown": 1, "soup.normalise": 0}
BATCHES = {"model.batch_size": 2, "model.batches_per_epoch": 1}
GUARDS: dict[str, Any] = {"model.guards": {}}  # they measure init, whose scores are too bad here to have a scale


def shrunk(suite: Suite, folder: Path) -> Suite:
    """The suite, under one seed.

    Args:
        suite: one of ours.
        folder: for the files of models and data that it then reads.
    """
    tasks = {
        name: replace(task, overrides={**task.overrides, **_small(task, folder)}) for name, task in suite.tasks.items()
    }
    return replace(suite, tasks=tasks, seeds=suite.seeds[:1])


def _small(task: SuiteTask, folder: Path) -> dict[str, Any]:
    """Overrides by what the task's recipe trains."""
    if task.recipe.endswith("/smollm2"):
        model = tiny.llama()
        model.config.max_position_embeddings = 512
        sizes: dict[str, Any] = {f"model.data.init_args.{split}_size": 4 for split in ("eval", "dev")}
        return {
            **SOUP,
            **BATCHES,
            **GUARDS,
            **sizes,
            "model.base": tiny.saved(folder / "base", model),
            "model.max_new_tokens": 4,
        }
    if task.recipe in ("captioning/emoji", "vqa/scenes"):
        return {**SOUP, **BATCHES, **GUARDS, **_briefly("SmallCoCa")}
    if task.recipe == "diffusion/emoji":
        sizes = {"model.steps": 2, "model.data.init_args.pictures.init_args.eval_size": 2}
        return {**SOUP, **BATCHES, **GUARDS, **sizes, **_briefly("SmallPipeline")}
    if task.recipe == "summarization/news":
        kinds = {kind: test_paper_recipes.classifier(kind, folder / kind) for kind in ("gpt2", "bart")}
        file = test_paper_recipes.small("summarization/news", {**kinds, "base": tiny.saved(folder / "llama")}, folder)
        written = yaml.safe_load(Path(file).read_text())["model"]
        written["data"]["init_args"]["question"] = "text"
        return {**SOUP, **BATCHES, **_dotted(written, "model")}
    if task.recipe == "captioning/coco":
        configuration = test_coca.configuration(**test_coca.POOLED)
        place = test_coca.folder(folder / "coca", test_coca.tiny_coca(configuration), configuration)
        base = _dotted({"name": place, "weights": None}, "model.base.init_args")
        files = _dotted(test_paper_picture_recipes.coco(folder), "model.data.init_args")
        return {**SOUP, **BATCHES, **base, **files, "model.beams": 2, "model.max_new_tokens": 4}
    return {}


def _briefly(kind: str) -> dict[str, Any]:
    pairs = (option.split("=") for option in test_recipes.BRIEFLY[kind])
    return {f"model.{key}": int(value) for key, value in pairs}


def _dotted(content: dict[str, Any], key: str) -> dict[str, Any]:
    """Its values by dotted keys; a class is one value."""
    if "class_path" in content:
        return {key: content}
    found: dict[str, Any] = {}
    for name, value in content.items():
        found |= _dotted(value, f"{key}.{name}") if isinstance(value, dict) else {f"{key}.{name}": value}
    return found
