"""Rewards are built from a recipe."""

from __future__ import annotations

from pathlib import Path

import jsonargparse
import pytest
import torch
from torch import nn

from rsoup_lightning.rewards import Reward
from tests.modalities.diffusion.rewards import tiny


def test_from_class_path_and_init_args(tmp_path: Path) -> None:
    for package in ("transformers", "open_clip"):
        pytest.importorskip(package)
    package = "rsoup_lightning.modalities.diffusion.rewards"
    torch.save(nn.Linear(16, 1).state_dict(), tmp_path / "head.pth")
    clip = tiny.clip(tmp_path)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"""
rewards:
  colours: {package}.Colourfulness
  bright: {{class_path: {package}.Brightness}}
  small: {{class_path: {package}.Compressibility, init_args: {{quality: 80}}}}
  large: {package}.Incompressibility
  mine: {{class_path: {package}.ImageFunction, init_args: {{function: "builtins:zip"}}}}
  cool: {{class_path: {package}.Warmth, init_args: {{ideal: -0.6}}}}
  spread: {package}.PixelVariance
  cafe: {{class_path: {package}.ImageClassifier, init_args: {{model: {tiny.beit(tmp_path / "b")}, label: aesthetic}}}}
  first: {{class_path: {package}.ImageClassifier, init_args: {{model: {tmp_path / "b"}, label: 0}}}}
  alike: {{class_path: {package}.ClipSimilarity, init_args: {{model: "{clip}"}}}}
  ava: {{class_path: {package}.AestheticHead, init_args: {{model: "{clip}", head: {tmp_path / "head.pth"}}}}}
""")
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--rewards", type=dict[str, Reward])
    made = parser.instantiate(parser.parse_path(recipe)).rewards
    assert {name: type(reward).__name__ for name, reward in made.items()} == {
        "colours": "Colourfulness",
        "bright": "Brightness",
        "small": "Compressibility",
        "large": "Incompressibility",
        "mine": "ImageFunction",
        "cool": "Warmth",
        "spread": "PixelVariance",
        "cafe": "ImageClassifier",
        "first": "ImageClassifier",
        "alike": "ClipSimilarity",
        "ava": "AestheticHead",
    }
    assert made["small"].quality == 80
