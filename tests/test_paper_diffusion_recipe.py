"""The paper's recipe for text to image: its settings, and every step of it on models of a test's size."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from rsoup_lightning import registry
from rsoup_lightning.errors import ConfigError, WeightsError
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.recipes.recipe_parser import recipe_parser
from tests.conftest import ROOT
from tests.modalities.diffusion import tiny
from tests.modalities.diffusion.rewards import tiny as rewards
from tests.running import front, rsoup

PATH = ROOT / "conf" / "diffusion" / "stable_diffusion.yaml"


def parsed(*more: str) -> tuple[str, Any, Any]:
    parser = recipe_parser(registry.fine_tuner("diffusion"))
    return "diffusion", parser, parser.parse_args(["-c", str(PATH), *more])


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A second recipe that makes the first one small, and free of GPU and hub."""
    pytest.importorskip("open_clip")
    for name in ("base", "clip", "cafe"):
        (tmp_path / name).mkdir()
    torch.save(nn.Linear(16, 1).state_dict(), tmp_path / "head.pth")
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("Prompt\n" + "".join(f"a {colour} square\n" for colour in tiny.COLOURS))
    clip = {"model": rewards.clip(tmp_path / "clip"), "weights": None, "head": str(tmp_path / "head.pth")}
    model = {
        "base": {"init_args": {"name": tiny.saved(tmp_path / "base")}},
        "precision": "float32",
        "data": {
            "class_path": "tasks.text.jsonl.RecordsFile",
            "init_args": {"path": str(prompts), "eval_size": 2},
        },
        "rewards": {"ava": {"init_args": clip}, "cafe": {"init_args": {"model": rewards.beit(tmp_path / "cafe")}}},
        "steps": 3,
        "batch_size": 4,
        "batches_per_epoch": 1,
    }
    recipe = {"model": model, "trainer": {"accelerator": "cpu", "max_epochs": 1}, "soup": {"shown": 1}}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return str(path)


def test_the_papers_settings() -> None:
    config = parsed()[2]
    model = config.model
    assert model.batch_size * model.batches_per_epoch * config.trainer.max_epochs == 10_000
    assert model.algorithm.class_path.endswith(".RewardWeightedRegression") and model.algorithm.init_args.keep == 0.5
    assert config.soup.grid == 11 and len(config.soup.morl) + len(config.soup.experts) == 7
    pattern = re.compile(model.trained[0])
    assert pattern.search("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight")
    assert not pattern.search("down_blocks.0.resnets.0.conv1.weight")


def test_a_small_soup(small: str, tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline

    run = tmp_path / "run"
    rsoup("soup", "-c", str(PATH), "-c", small, "--run_dir", str(run))
    record = front(run)
    assert record["experts"] == ["ava", "cafe"]
    assert [sum(point["kind"] == kind for point in record["points"]) for kind in ("soup", "morl")] == [9, 5]
    assert all(math.isfinite(value) for point in record["points"] for value in point["scores"].values())
    assert "class=strips" in (run / "report.html").read_text()
    preference = json.dumps({"ava": 0.5, "cafe": 0.5})
    rsoup("pick", str(run), "--preference", preference, "--output", str(tmp_path / "picked"))
    drawn = StableDiffusionPipeline.from_pretrained(tmp_path / "picked")("a red square", num_inference_steps=2)
    assert drawn.images[0].size == (16, 16)


@pytest.mark.parametrize(
    ("option", "error", "words"),
    [
        ("base.init_args.name=absent/folder", ConfigError, "absent/folder"),
        ("rewards.ava.init_args.head=absent.pth", WeightsError, "the head absent.pth cannot be read"),
    ],
)
def test_it_names_what_is_missing(small: str, option: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Recipe.resolve(*parsed("-c", small, f"--model.{option}")).fine_tuner(0)
