"""Shared pieces: a task small enough to train in a second, with closed forms to check against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.utils.data import DataLoader
from xdist.scheduler import LoadFileScheduling

from rsoup_lightning.__main__ import main
from rsoup_lightning.algorithms import RLOO
from rsoup_lightning.environment import Environment
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.policy import Policy, PolicyOutput
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.run.trainer.trainer_settings import QUIET_TRAINER

ROOT = Path(__file__).parent.parent


class PointPolicy(Policy):
    """A Gaussian around a learnt place in the plane."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(2))

    def forward(self, rollout: Rollout) -> PolicyOutput:
        return PolicyOutput(torch.distributions.Normal(self.place, 0.1).log_prob(rollout["actions"]).sum(-1))


class Plane(Environment):
    """One step per row: where the policy went."""

    def train_batches(self) -> Any:
        return DataLoader(range(10), batch_size=None)  # type: ignore[arg-type]

    def eval_batches(self) -> Any:
        return DataLoader(range(12), batch_size=5)  # type: ignore[arg-type]

    def dev_batches(self) -> Any:
        return DataLoader(range(12, 24), batch_size=5)  # type: ignore[arg-type]

    @torch.no_grad()
    def rollout(self, policy: Policy, batch: Any, *, completions: int = 1, greedy: bool = False) -> Rollout:
        return self._play(policy, torch.zeros(8, 2) if greedy else torch.randn(8 * completions, 2))

    @torch.no_grad()
    def evaluate(self, policy: Policy, batch: Tensor) -> Rollout:
        noise = torch.stack([torch.randn(2, generator=torch.Generator().manual_seed(int(i))) for i in batch])
        return self._play(policy, noise, id=batch)

    def _play(self, policy: Any, noise: Tensor, **context: Tensor) -> Rollout:
        actions = (policy.place + 0.1 * noise).unsqueeze(1)
        rollout = Rollout(torch.zeros(len(noise), 1), torch.ones(len(noise), 1) > 0, {"actions": actions}, {}, context)
        return replace(rollout, log_probs=policy(rollout).log_probs)


class Near(Reward):
    """Minus the squared distance to a goal."""

    def __init__(self, x: float, y: float) -> None:
        self.goal = torch.tensor([x, y])

    def __call__(self, rollout: Rollout) -> Tensor:
        return -(rollout["actions"][:, 0] - self.goal).square().sum(-1)


class PointFineTuner(RewardFineTuner):
    """Two goals, east and north."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs = {"algorithm": RLOO(4), "optimizer": partial(torch.optim.Adam, lr=0.02), **kwargs}
        rewards = {"east": Near(1, 0), "north": Near(0, 1)}
        super().__init__(Plane(), PointPolicy(), rewards, **kwargs)


def quiet_trainer(**kwargs: Any) -> L.Trainer:
    """A trainer that writes and prints nothing."""
    return L.Trainer(**{"accelerator": "cpu", **QUIET_TRAINER, **kwargs})


class Rooms(LoadFileScheduling):
    """Each file of tests goes to one process; those that share servers and a browser go to one together."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/explorer" if nodeid.startswith("tests/explorer/") else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return Rooms(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs a command that has to fail with one line of ours, and to write nothing; gives the line.

    It runs in an empty folder, with a ``recipe`` as ``r.yaml`` if one is given.
    """
    monkeypatch.chdir(tmp_path)

    def line(*arguments: str, recipe: Mapping[str, Any] | None = None) -> str:
        if recipe is not None:
            Path("r.yaml").write_text(yaml.safe_dump(recipe))
            arguments = (*arguments, "-c", "r.yaml")
        before = sorted(tmp_path.rglob("*"))
        assert main(arguments) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert said.startswith("rsoup: ") and "usage:" not in said and "Namespace(" not in said
        assert sorted(tmp_path.rglob("*")) == before
        return said

    return line


@pytest.fixture
def point() -> PointFineTuner:
    return PointFineTuner()


def needs(package: str, extra: str = "data") -> pytest.MarkDecorator:
    """Skips where a package of an extra is not installed."""
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} of the extra {extra} is not installed")
