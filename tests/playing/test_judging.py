from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.playing.judging import Judge
from rsoup_lightning.rollout import Rollout

RECIPE = """
task: locomotion
model:
  rewards:
    early: {class_path: tests.modalities.language.tiny.Letters}
    late: {class_path: tests.modalities.language.tiny.Letters, init_args: {first: n, last: z}}
    lost: {class_path: not.installed.Reward}
"""


def test_rewards_that_can_score_do(tmp_path: Path) -> None:
    """Of a recipe, and of its task: the latter need what these rows have not."""
    recipe = tmp_path / "config.yaml"
    recipe.write_text(RECIPE)
    judge = Judge.load(recipe, ["early", "late", "lost", "risky", "fluency"])
    assert sorted(judge.rewards) == ["early", "late", "risky"]
    texts = {"question": ["?"] * 2, "answer": ["abz", "zz"], "reference": [""] * 2}
    rollout = Rollout(torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool), texts=texts)
    scores = judge.scores(rollout)
    assert scores == {"early": pytest.approx([2 / 3, 0]), "late": pytest.approx([1 / 3, 1])}


def test_no_recipe_no_judge(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Judge.load(tmp_path / "config.yaml", ["early"])
