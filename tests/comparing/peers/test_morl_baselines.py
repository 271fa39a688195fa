from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
import torch

from rsoup_lightning.comparing.peer import Assignment
from rsoup_lightning.comparing.peers import CAPQL, GPILS, MORLD, PGMORL
from rsoup_lightning.comparing.peers.morl_baselines import MORLBaselines
from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.evaluation import evaluate
from rsoup_lightning.simplex import grid
from tasks.locomotion.module import LocomotionFineTuner
from tests.conftest import needs

REWARDS = ["risky", "cautious"]
SMALL = {"learning_starts": 100, "batch_size": 16, "net_arch": [8, 8]}
SHORT = {"num_envs": 2, "steps_per_iteration": 16, "warmup_iterations": 1, "evolutionary_iterations": 1}
PEERS: dict[str, tuple[MORLBaselines, int]] = {
    "CAPQL": (CAPQL(SMALL), 3),
    "GPILS": (GPILS(SMALL), 3),
    "MORLD": (MORLD({"exchange_every": 64, "pop_size": 2, "policy_args": {**SMALL, "learning_starts": 60}}), 2),
    "MORLD, adapting": (
        MORLD(
            {
                "exchange_every": 64,
                "pop_size": 2,
                "weight_adaptation_method": "PSA",
                "policy_args": {**SMALL, "learning_starts": 60},
            }
        ),
        2,
    ),
    "PGMORL": (PGMORL({**SHORT, "num_minibatches": 2, "num_weight_candidates": 1}), 6),
}
"""Each with how many policies it offers, at least, of three μ."""


def cheetah() -> LocomotionFineTuner:
    options = {"max_episode_steps": 30}
    sizes: dict[str, Any] = {"num_envs": 2, "horizon": 32, "rollouts_per_epoch": 1, "eval_episodes": 2}
    return LocomotionFineTuner("HalfCheetah-v5", REWARDS, env_options=options, **sizes)


@needs("morl_baselines", extra="bench")
@pytest.mark.parametrize("name", PEERS)
def test_it_takes_its_steps_and_its_policies_are_scored_as_ours(name: str) -> None:
    peer, offered = PEERS[name]
    module = cheetah()
    peer.check(module, REWARDS)
    floors = {"risky": -100.0, "cautious": -500.0}
    trained = peer.train(Assignment(module, floors, grid(2, 3), 0, torch.device("cpu"), epochs=3))
    assert trained.steps == 3 * 2 * 32 and len(trained.policies) >= offered
    scores = [
        evaluate(module.environment, module.rewards, policy, module.environment.eval_batches())[0].rewards
        for policy in trained.policies
    ]
    assert len({each["risky"][0].item() for each in scores}) > 1


@needs("morl_baselines", extra="bench")
def test_settings_are_those_of_its_class() -> None:
    with pytest.raises(UnknownNameError, match="unknown setting of CAPQL 'batchsize': did you mean 'batch_size'"):
        CAPQL({"batchsize": 1}).check(cheetah(), REWARDS)
    with pytest.raises(ConfigError, match="settings of PGMORL: remove seed: the suite sets it"):
        PGMORL({"seed": 1}).check(cheetah(), REWARDS)


@pytest.mark.skipif(find_spec("morl_baselines") is not None, reason="morl-baselines is installed")
def test_without_the_extra_it_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"morl-baselines is not installed .*rsoup_lightning\[bench\]"):
        CAPQL().check(cheetah(), REWARDS)
