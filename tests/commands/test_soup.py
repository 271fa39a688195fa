from __future__ import annotations

from pathlib import Path

from tests.running import rsoup


def test_a_recipe_by_name_from_any_folder(tmp_path: Path) -> None:
    small = "--model.num_envs 2 --model.horizon 4 --model.rollouts_per_epoch 1 --model.eval_episodes 1"
    options = [*small.split(), "--model.env_options", "{max_episode_steps: 5}", "--trainer.max_epochs", "1"]
    rsoup("fit", "-c", "locomotion/quickstart", *options, cwd=tmp_path)
    rsoup("soup", "--config=locomotion/quickstart", *options, "--soup.films", "false", cwd=tmp_path)
    assert (tmp_path / "runs" / "locomotion-quickstart" / "report.html").exists()
