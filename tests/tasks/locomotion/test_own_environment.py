"""A user's own environment with choices for actions, and rewards that they took from its ``info``: a whole run."""

from __future__ import annotations

from pathlib import Path

from tests.running import front, rsoup

RECIPE = """
task: locomotion
model:
  env_id: tests.modalities.control.own:Signs-v0
  rewards:
    obeyed: {class_path: rsoup_lightning.modalities.control.rewards.Info, init_args: {key: obeyed}}
    left: {class_path: rsoup_lightning.modalities.control.rewards.Info, init_args: {key: turns.left}}
    default: {class_path: rsoup_lightning.modalities.control.rewards.Native}
  hidden: [16]
  num_envs: 16
  horizon: 32
  rollouts_per_epoch: 4
  algorithm: {class_path: PPO, init_args: {minibatch_size: 128}}
  optimizer: {class_path: torch.optim.Adam, init_args: {lr: 0.01}}
trainer: {accelerator: cpu, max_epochs: 3}
soup: {experts: [obeyed, left], init_epochs: 1, grid: 5}
"""


def test_a_soup_of_a_categorical_policy(tmp_path: Path) -> None:
    """The best of both rewards is known: eight signs obeyed, eight turns to the left."""
    (tmp_path / "signs.yaml").write_text(RECIPE)
    done = rsoup("soup", "-c", "signs.yaml", "--run_dir", "run", cwd=tmp_path)
    assert (done.stdout + done.stderr).count("Signs-v0 does not draw") == 1
    record = front(tmp_path / "run")
    experts = {max(p["coefficients"], key=p["coefficients"].get): p for p in record["points"] if p["kind"] == "expert"}
    (init,) = (point["scores"] for point in record["points"] if point["kind"] == "init")
    assert experts["obeyed"]["scores"]["obeyed"] == 8.0 > init["obeyed"]
    assert experts["left"]["scores"]["left"] == 8.0 > init["left"]
    assert experts["left"]["scores"]["obeyed"] < 4
    assert len([point for point in record["points"] if point["kind"] == "soup"]) == 3
    rsoup("pick", "run", "--preference", "{obeyed: 1.0, left: 0.0}", "--output", "picked", cwd=tmp_path)
    assert (tmp_path / "picked" / "policy.safetensors").exists()
