from __future__ import annotations

from pathlib import Path

from rsoup_lightning.playing.meanings import reward_meanings, task_meaning

RECIPE = """
task: locomotion
model:
  rewards:
    speed: {class_path: rsoup_lightning.modalities.control.rewards.Info, init_args: {key: x}}
    lost: {class_path: not.installed.Reward}
"""


def test_rewards_speak_for_themselves(tmp_path: Path) -> None:
    recipe = tmp_path / "config.yaml"
    recipe.write_text(RECIPE)
    meanings = reward_meanings(recipe)
    assert meanings["speed"].startswith("A number that the environment reports")
    assert meanings["risky"].startswith("r = v - α‖a‖²")  # of the task
    assert "lost" not in meanings


def test_what_nobody_registered_has_no_meaning(tmp_path: Path) -> None:
    assert reward_meanings(tmp_path / "none.yaml") == {}
    assert task_meaning("no such task") == "" and task_meaning("locomotion")
