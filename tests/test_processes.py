"""Two processes that have half of the rows each learn, count and log what one process with all of them does."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from lightning.pytorch.strategies import FSDPStrategy
from torch import Tensor, nn
from torch.utils.data import DataLoader

from rsoup_lightning import algorithms
from rsoup_lightning.environment import Environment
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.guards import Guard
from rsoup_lightning.kl_penalty import KLPenalty
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.policy import Policy, PolicyOutput
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout
from tests.conftest import Near, quiet_trainer

STEPS = 4  # of the optimiser, per epoch


class Rows(Environment):
    """Rows of different lengths, each of which has chances of its own, whoever plays it.

    Args:
        size: of a rollout.
        share: how many of them an optimiser step takes.
    """

    def __init__(self, size: int, share: int) -> None:
        self.size, self.share = size, share

    def train_batches(self) -> Any:
        return DataLoader(range(STEPS * self.share), batch_size=None)  # type: ignore[arg-type]

    eval_batches = train_batches

    @torch.no_grad()
    def rollout(self, policy: Policy, batch: Any, *, completions: int = 1, greedy: bool = False) -> Rollout:
        assert isinstance(policy, Walker)
        numbers = torch.arange(int(batch) * self.size, (int(batch) + 1) * self.size).repeat_interleave(completions)
        places = torch.arange(len(numbers)) % completions
        seeds = (numbers * completions + places).tolist()
        chances = [torch.Generator().manual_seed(seed) for seed in seeds]
        noise = torch.stack([torch.randn(3, 2, generator=chance) for chance in chances])
        lengths = 1 + numbers * numbers % 3
        actions = policy.place + 0.1 * noise * (not greedy)
        steps, mask = {"actions": actions}, torch.arange(3) < lengths.unsqueeze(1)
        rollout = Rollout(torch.zeros(len(numbers), 3), mask, steps)
        return replace(rollout, log_probs=policy(rollout).log_probs)

    def evaluate(self, policy: Policy, batch: Any) -> Rollout:
        raise NotImplementedError


class Walker(Policy):
    """A Gaussian around a learnt place, and the value of being there; one weight of it is never used."""

    def __init__(self, *, independent_steps: bool) -> None:
        super().__init__()
        self.independent_steps = independent_steps
        self.place, self.value = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(()))
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, rollout: Rollout) -> PolicyOutput:
        normal = torch.distributions.Normal(self.place, 0.1)
        log_probs = normal.log_prob(rollout["actions"]).sum(-1)
        return PolicyOutput(log_probs, normal.entropy().sum().expand_as(log_probs), self.value.expand_as(log_probs))

    @torch.no_grad()
    def values(self, rollout: Rollout) -> Tensor:
        return self.value.detach().expand(len(rollout), rollout.mask.shape[1] + 1)


class Sideways(Reward):
    """At each step, how far east it goes."""

    def __call__(self, rollout: Rollout) -> Tensor:
        return rollout["actions"][..., 0]


def trained(
    count: int, algorithm: algorithms.Algorithm, **settings: Any
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The state after a training in so many processes, and what it logged."""
    policy = Walker(independent_steps=settings.pop("independent_steps", False))
    rewards = {"east": Near(1, 0), "north": Near(0, 1), "sideways": Sideways()}
    made: dict[str, Any] = {
        "algorithm": algorithm,
        "optimizer": partial(torch.optim.AdamW, lr=0.02, weight_decay=0.1),
        "preference": {"east": 0.6, "north": 0.3, "sideways": 0.1},
        "kl": KLPenalty(0.01, target=0.1, horizon=100),
        "guards": {"north": Guard(-0.1), "east": Guard(-5.0)},
        **settings,
    }
    module = RewardFineTuner(Rows(16 // count, count), policy, rewards, **made)
    strategy = {"strategy": "ddp_fork"} if count > 1 else {}
    trainer = quiet_trainer(max_epochs=2, devices=count, **strategy)
    trainer.fit(module)
    return dict(module.state_dict()), dict(trainer.callback_metrics)


@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [
        (algorithms.REINFORCE(), {}),
        (algorithms.RLOO(completions=2), {"micro_batch_size": 5}),
        (algorithms.SCST(completions=2, entropy_coefficient=0.1), {}),
        (algorithms.GRPO(completions=4, epochs=2), {}),
        (algorithms.PPO(epochs=2, minibatch_size=0), {"independent_steps": True}),
        (algorithms.RewardWeightedRegression(temperature=0.5), {}),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, algorithms.Algorithm) else "",
)
def test_two_processes_learn_what_one_learns(algorithm: algorithms.Algorithm, settings: dict[str, Any]) -> None:
    state, logged = trained(1, algorithm, **settings)
    torch.testing.assert_close(state["policy.unused"], torch.ones(2), rtol=0, atol=0)  # no decay without a gradient
    assert state["policy.place"].norm() > 0.05 and state["guards.multipliers"].any() and state["kl.beta"] != 0.01
    found, found_logged = trained(2, algorithm, **settings)
    torch.testing.assert_close(found, state, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found_logged, logged, rtol=1e-5, atol=1e-6)


def test_processes_step_together_however_many_rows_each_has() -> None:
    """Of the first rollouts, one process has 15 steps and one 18: a minibatch of 4 more."""
    for count in (1, 2):
        state, _ = trained(count, algorithms.PPO(epochs=2, minibatch_size=4), independent_steps=True)
        assert state["policy.place"].norm() > 0.05
        assert state["steps_taken"] == 2 * sum(1 + n * n % 3 for n in range(16 * STEPS))


def test_strategies_that_cut_the_model_in_parts() -> None:
    module = RewardFineTuner(Rows(4, 2), Walker(independent_steps=False), {"east": Near(1, 0)})
    module._trainer = cast(Any, SimpleNamespace(world_size=2, strategy=FSDPStrategy()))
    with pytest.raises(ConfigError, match=r"trainer\.strategy is FSDPStrategy: several devices train by ddp"):
        module._check_processes()


def test_rollouts_that_cannot_be_shared_out() -> None:
    module = RewardFineTuner(Rows(4, 1), Walker(independent_steps=False), {"east": Near(1, 0)})
    module.environment.train_batches = lambda: DataLoader(range(3), batch_size=None)  # type: ignore
    with pytest.raises(Exception, match="an epoch has 3 training rollouts, which 2 processes cannot share out"):
        quiet_trainer(max_epochs=1, devices=2, strategy="ddp_fork").fit(module)
