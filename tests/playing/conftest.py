"""A run of seconds that is worth playing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running import rsoup

CHEETAH = """
task: locomotion
model: {hidden: [16], num_envs: 4, horizon: 25, rollouts_per_epoch: 2, eval_episodes: 3,
        env_options: {max_episode_steps: 40}, optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.01}}}
trainer: {accelerator: cpu, max_epochs: 1}
soup: {experts: [risky, cautious], init_preference: {default: 1.0}, init_epochs: 1, grid: 3, films: false}
"""


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of locomotion under two seeds."""
    folder = tmp_path_factory.mktemp("played")
    (folder / "cheetah.yaml").write_text(CHEETAH)
    rsoup("soup", "-c", "cheetah.yaml", "--run_dir", "run", "--seeds", "3", "4", cwd=folder)
    return folder / "run"
