"""Every algorithm must climb: on the plane, to the goal that the preference asks for."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from rsoup_lightning import algorithms
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout
from tests.conftest import PointFineTuner, quiet_trainer


class Constant(Reward):
    """The same for everything."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, rollout: Rollout) -> torch.Tensor:
        return torch.full((len(rollout),), self.value)


@pytest.mark.parametrize(
    "algorithm",
    [
        algorithms.REINFORCE(),
        algorithms.RLOO(completions=4),
        algorithms.RLOO(completions=2, epochs=2, minibatch_size=8),
        algorithms.GRPO(completions=4, epochs=2),
        algorithms.SCST(completions=2),
        algorithms.RewardWeightedRegression(temperature=0.5),
        algorithms.RewardWeightedRegression(keep=0.5),
    ],
    ids=lambda a: type(a).__name__,
)
def test_reaches_the_preferred_point(algorithm: algorithms.Algorithm) -> None:
    module = PointFineTuner(
        algorithm=algorithm, preference={"east": 0.75, "north": 0.25}, optimizer=partial(torch.optim.Adam, lr=0.05)
    )
    quiet_trainer(max_epochs=12).fit(module)
    torch.testing.assert_close(module.policy.place.detach(), torch.tensor([0.75, 0.25]), atol=0.12, rtol=0)


@pytest.mark.parametrize("kind", [algorithms.RLOO, algorithms.GRPO])
def test_one_completion_has_no_others(kind: type[algorithms.Algorithm]) -> None:
    with pytest.raises(ConfigError, match="at least 2"):
        kind(completions=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "algorithm",
    [
        algorithms.REINFORCE(),
        algorithms.RLOO(completions=7),
        algorithms.GRPO(completions=3),
        algorithms.GRPO(completions=7, epochs=2),
        algorithms.SCST(completions=3),
    ],
    ids=lambda a: f"{type(a).__name__}-{a.completions}",
)
@pytest.mark.parametrize("constant", [0.7, 0.1, -1.1])
def test_rewards_that_are_all_the_same_move_no_weight(algorithm: algorithms.Algorithm, constant: float) -> None:
    module = PointFineTuner(algorithm=algorithm, optimizer=partial(torch.optim.Adam, lr=0.05))
    module.rewards = {name: Constant(constant) for name in module.rewards}
    quiet_trainer(max_epochs=1, limit_train_batches=3).fit(module)
    assert module.policy.place.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        (algorithms.PPO, "epochs", 0),
        (algorithms.PPO, "minibatch_size", -4),
        (algorithms.PPO, "clip", -0.2),
        (algorithms.PPO, "value_clip", 0.0),
        (algorithms.PPO, "discount", float("nan")),
        (algorithms.PPO, "gae_lambda", 2.0),
        (algorithms.PPO, "value_coefficient", float("inf")),
        (algorithms.GRPO, "clip", 0.0),
        (algorithms.RLOO, "epochs", -1),
        (algorithms.REINFORCE, "discount", 1.5),
        (algorithms.REINFORCE, "entropy_coefficient", float("nan")),
        (algorithms.SCST, "completions", 0),
        (algorithms.RewardWeightedRegression, "epochs", 0),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(kind: type, setting: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{setting} is {value}"):
        kind(**{setting: value})
