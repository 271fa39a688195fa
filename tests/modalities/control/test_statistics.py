"""Statistics of parts are those of the whole, whatever the parts, also where they lie in two processes."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from rsoup_lightning.losses import adapt_kl_coefficient
from rsoup_lightning.merging import read_weights
from rsoup_lightning.modalities.control.statistics import merged, moments
from tests.running import rsoup


@pytest.mark.parametrize("cuts", [(0, 1000), (0, 1, 1000), (0, 0, 400, 400, 999, 1000, 1000)])
def test_moments_of_parts_are_those_of_the_whole(cuts: tuple[int, ...]) -> None:
    """Also far from zero, where sums of squares would lose all digits."""
    observations = 1e6 + torch.randn(1000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    both = moments(observations[:0])
    for start, end in pairwise(cuts):
        both = merged(both, moments(observations[start:end]))
    assert both.number.item() == 1000
    np.testing.assert_allclose(both.mean, np.mean(observations.numpy(), 0), rtol=1e-14)
    np.testing.assert_allclose(both.variance, np.var(observations.numpy(), 0), rtol=1e-9)


DRIFT = '''
    """Observations that differ from process to process, also in their number; and what each process saw, in files."""
    import os
    from dataclasses import replace

    import numpy as np
    import torch
    from torch.utils.data import DataLoader

    from rsoup_lightning.algorithms import PPO
    from rsoup_lightning.run.trainer.stage_checkpoint import StageCheckpoint
    from rsoup_lightning.environment import Environment
    from rsoup_lightning.modalities.control import GaussianMLP
    from rsoup_lightning.kl_penalty import KLPenalty
    from rsoup_lightning.module import RewardFineTuner
    from rsoup_lightning.rollout import Rollout
    from tests.conftest import Near

    RANK = int(os.environ.get("LOCAL_RANK", 0))


    class Drift(Environment):
        played = 0

        def train_batches(self):
            return DataLoader(range(4), batch_size=None)

        def eval_batches(self):
            return DataLoader(range(4), batch_size=4)

        @torch.no_grad()
        def rollout(self, policy, batch, *, completions=1, greedy=False):
            observations = 5 * RANK + torch.randn(4, 3, 2)
            mask = torch.ones(4, 3, dtype=torch.bool)
            mask[:, 1 + (int(batch) // 2 + RANK) % 2 :] = False
            steps = {"observations": observations, "actions": torch.randn(4, 3, 2)}
            rollout = Rollout(torch.zeros(4, 3), mask, steps, context={"last_observations": observations[:, -1]})
            self.played += 1
            np.save(f"seen-{self.played}-{RANK}.npy", observations[mask])
            np.save(f"last-{RANK}.npy", steps["actions"][:, 0])
            return replace(rollout, log_probs=policy(rollout).log_probs)

        evaluate = rollout


    class KeptKL(KLPenalty):
        rollouts = 0

        def adapt(self, kl):
            np.save(f"kl-{self.rollouts}-{RANK}.npy", kl.sum(1))
            self.rollouts += 1
            return super().adapt(kl)


    class DriftFineTuner(RewardFineTuner):
        def __init__(self, **kwargs):
            rewards = {"east": Near(1, 0), "north": Near(0, 1)}
            kwargs |= {"algorithm": PPO(minibatch_size=0), "kl": KeptKL(0.1, target=1e-3, horizon=1000.0)}
            super().__init__(Drift(), GaussianMLP(2, 2, hidden=(4,)), rewards, **kwargs)

    class Kept(StageCheckpoint):
        def on_train_end(self, trainer, module):
            self.commit(trainer)
'''
RECIPE = """
task: drift:DriftFineTuner
trainer:
  accelerator: cpu
  devices: 2
  strategy: ddp
  max_epochs: 2
  limit_val_batches: 0
  callbacks: [{class_path: drift.Kept, init_args: {path: last.ckpt}}]
"""


def test_two_processes_keep_one_count_and_one_mean(tmp_path: Path) -> None:
    """Two processes of their own, and one checkpoint: its numbers are those of all that both have seen."""
    (tmp_path / "drift.py").write_text(textwrap.dedent(DRIFT))
    (tmp_path / "drift.yaml").write_text(RECIPE)
    local = {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": str(tmp_path)}
    rsoup("fit", "-c", "drift.yaml", cwd=tmp_path, **local)

    weights = read_weights(tmp_path / "last.ckpt")
    seen = [np.load(file).astype(np.float64) for file in sorted(tmp_path.glob("seen-*.npy"))]
    assert len(seen) == 2 * 2 * 2  # epochs, batches, processes
    assert len({len(part) for part in seen}) == 2
    every = np.concatenate(seen)
    assert weights["count"].item() == len(every)
    np.testing.assert_allclose(weights["mean"], every.mean(0), rtol=1e-6)
    np.testing.assert_allclose(weights["variance"], every.var(0), rtol=1e-6)

    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert state["state_dict"]["steps_taken"].item() == len(every)
    coefficient = 0.1
    for step in sorted({int(file.name.split("-")[1]) for file in tmp_path.glob("kl-*.npy")}):
        kl = np.concatenate([np.load(tmp_path / f"kl-{step}-{rank}.npy") for rank in (0, 1)])
        coefficient = adapt_kl_coefficient(coefficient, kl.mean(), target=1e-3, horizon=1000, completions=len(kl))
    assert state["state_dict"]["kl.beta"].item() == pytest.approx(coefficient, rel=1e-6)
    last = np.concatenate([np.load(tmp_path / f"last-{rank}.npy") for rank in (0, 1)])
    _, means = state["callbacks"]["Kept"]["history"]
    assert means["reward/east"] == pytest.approx(-np.square(last - [1, 0]).sum(-1).mean(), rel=1e-6)
    assert not list(tmp_path.rglob(".*.tmp"))
