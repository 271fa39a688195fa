from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.methods import IteratedSoup
from rsoup_lightning.methods.method import Derived, Stage

CENTERS = {"a": torch.tensor([4.0, 0.0]), "b": torch.tensor([0.0, 2.0]), "c": torch.tensor([-1.0, 1.0])}


def test_rounds_on_quadratic_rewards_are_what_they_are_in_closed_form() -> None:
    """By gradient ascent of step η on -|θ - c|² / 2, t epochs leave (1 - η)^t of the way to c."""
    rate, rewards, epochs = 0.3, list(CENTERS), 7
    weights = {"init": {"w": torch.tensor([10.0, 10.0])}}
    for stage in IteratedSoup(rounds=3).stages(rewards, epochs):
        if isinstance(stage, Derived):
            weights[stage.name] = dict(stage.make([weights[name] for name in stage.sources]).weights)
        else:
            (name,), start = stage.preference, weights[str(stage.start)]["w"]
            for _ in range(stage.epochs):
                start = start + rate * (CENTERS[name] - start)
            weights[stage.name] = {"w": start}

    mean, left = torch.stack([*CENTERS.values()]).mean(0), 1 - rate
    start = mean + left**4 * (weights["init"]["w"] - mean)  # two rounds, of 2 epochs each
    for name, center in CENTERS.items():
        expert: Tensor = weights[f"experts/{name}"]["w"]
        torch.testing.assert_close(expert, center + left**3 * (start - center), rtol=0, atol=1e-5)


def test_an_expert_costs_the_same_in_one_round_as_in_several() -> None:
    for rounds in (1, 2, 5):
        stages = IteratedSoup(rounds).stages(["a", "b"], 11)
        trained = [stage.epochs for stage in stages if isinstance(stage, Stage)]
        assert sum(trained) == 2 * 11 and len(trained) == 2 * rounds and min(trained) >= 11 // rounds
    assert IteratedSoup(1).stages(["a"], 3) == [Stage("experts/a", {"a": 1.0}, 3, "init")]


def test_a_round_goes_on_where_the_one_before_ended() -> None:
    stages = [stage for stage in IteratedSoup(3).stages(["a"], 8) if isinstance(stage, Stage)]
    assert [(stage.epochs_before, stage.epochs) for stage in stages] == [(0, 2), (2, 3), (5, 3)]


def test_more_rounds_than_epochs_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"max_epochs is 2: 3 rounds"):
        IteratedSoup(3).stages(["a"], 2)
    with pytest.raises(ConfigError, match=r"rounds is 0"):
        IteratedSoup(0)
