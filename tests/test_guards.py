"""Guards against closed forms: where a constrained optimum lies, and what its multiplier is."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import yaml

from rsoup_lightning import algorithms
from rsoup_lightning.__main__ import main
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.evaluation import reward_statistics
from rsoup_lightning.guards import Guard, Guards
from rsoup_lightning.modalities.control import SimulatorEnvironment
from rsoup_lightning.modalities.control.rewards import Info
from rsoup_lightning.module import RewardFineTuner
from tests.conftest import PointFineTuner, quiet_trainer
from tests.running import POINT_RECIPE, front

LIMIT = -0.52
"""Of north: on the way from east to north, -2 (1 - t)² - 0.02 for the policy's own noise: t = 1/2, multiplier 1."""


class Multipliers(L.Callback):
    """Their values after every step."""

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, RewardFineTuner)
        self.seen.append(pl_module.guards.multipliers.tolist())

    def mean(self, last: int) -> float:
        return sum(value for (value,) in self.seen[-last:]) / last


@pytest.mark.parametrize(
    ("at_least", "init", "limit"),
    [
        (12.5, math.nan, 12.5),
        ("12.5", math.nan, 12.5),
        ("-1e-2", math.nan, -0.01),
        ("0.8 of init", 0.5, 0.4),
        ("1.2 of init", -5.0, -6.0),
        ("init - 0.5", -2.0, -2.5),
        (" init-.5 ", 2.0, 1.5),
    ],
)
def test_limits(at_least: float | str, init: float, limit: float) -> None:
    guard = Guard(at_least)
    assert guard.limit(init if guard.parts[0] else 0.0) == pytest.approx(limit)


@pytest.mark.parametrize(
    "at_least", ["half of init", "0.8 of it", "init + 1", "init", "", "nan", math.nan, math.inf, "1e999"]
)
def test_limits_that_cannot_be(at_least: float | str) -> None:
    with pytest.raises(ConfigError, match="at_least of a guard is"):
        Guard(at_least)


def test_a_share_of_less_than_nothing_is_above_it() -> None:
    module = PointFineTuner(guards={"north": Guard("0.8 of init")})
    with pytest.raises(ConfigError, match=r"north is '0.8 of init', and that is above init, whose mean is -5"):
        module.prepare({"east": 1.0}, {"north": (-5.0, 1.0)})


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_rates_that_cannot_be(rate: float) -> None:
    with pytest.raises(ConfigError, match="rate"):
        Guard(1.0, rate)


@pytest.mark.parametrize(
    "algorithm",
    [
        algorithms.REINFORCE(),
        algorithms.RLOO(4),
        algorithms.GRPO(4),
        algorithms.SCST(4),
        algorithms.RewardWeightedRegression(keep=0.5, completions=4),
    ],
    ids=lambda a: type(a).__name__,
)
def test_the_constrained_optimum_and_its_multiplier(algorithm: algorithms.Algorithm) -> None:
    watch = Multipliers()
    module = PointFineTuner(algorithm=algorithm, preference={"east": 1.0}, guards={"north": Guard(LIMIT, 0.05)})
    quiet_trainer(max_epochs=25, callbacks=[watch]).fit(module)
    torch.testing.assert_close(module.policy.place.detach(), torch.tensor([0.5, 0.5]), atol=0.1, rtol=0)
    assert watch.mean(50) == pytest.approx(1.0, abs=0.15)


def test_on_the_standardised_scale_the_multiplier_is_that_of_standard_deviations() -> None:
    watch, scale = Multipliers(), {"east": (-1.0, 0.2), "north": (-1.0, 0.4)}
    module = PointFineTuner(preference={"east": 1.0}, guards={"north": Guard("init - -0.48")}, normalisation=scale)
    quiet_trainer(max_epochs=25, callbacks=[watch]).fit(module)
    torch.testing.assert_close(module.policy.place.detach(), torch.tensor([0.5, 0.5]), atol=0.1, rtol=0)
    assert watch.mean(50) == pytest.approx(2.0, abs=0.3)


def test_ppo_obeys_no_more_than_the_guard_leaves_it() -> None:
    """One of four signs at each step: who must turn left at half of all steps can obey at three quarters of them."""
    environment = SimulatorEnvironment(
        "tests.modalities.control.own:Signs-v0", num_envs=16, horizon=8, rollouts_per_epoch=10, eval_episodes=64
    )
    policy = environment.policy((16,))
    rewards = {"obeyed": Info("obeyed"), "left": Info("turns.left")}
    statistics = reward_statistics(environment, rewards, policy, rollouts=8, completions=1, seed=0)
    module = RewardFineTuner(
        environment,
        policy,
        rewards,
        {"obeyed": 1.0},
        algorithms.PPO(minibatch_size=0, discount=0.9),
        partial(torch.optim.Adam, lr=0.01),
        guards={"left": Guard(f"{4 / statistics['left'][0]} of init")},
        normalisation=statistics,
    )
    quiet_trainer(max_epochs=20).fit(module)
    (result,) = quiet_trainer().test(module, verbose=False)
    assert result["test/left"] == pytest.approx(4, abs=0.6)
    assert result["test/obeyed"] == pytest.approx(6, abs=0.8)


def test_a_guard_that_does_not_bind_changes_nothing() -> None:
    places = []
    for guards in ({}, {"north": Guard(-100.0)}):
        module = PointFineTuner(preference={"east": 1.0}, guards=guards)
        quiet_trainer(max_epochs=2).fit(module)
        places.append(module.policy.place.detach())
    assert torch.equal(*places)


def test_a_resumed_training_has_the_multipliers_of_one_that_was_not(tmp_path: Path) -> None:
    def made() -> PointFineTuner:
        return PointFineTuner(preference={"east": 1.0}, guards={"north": Guard(LIMIT)})

    first, trainer = made(), quiet_trainer(max_epochs=2)
    trainer.fit(first)
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    again, whole = made(), made()
    quiet_trainer(max_epochs=4).fit(again, ckpt_path=tmp_path / "x.ckpt", weights_only=True)
    quiet_trainer(max_epochs=4).fit(whole)
    assert torch.equal(again.guards.multipliers, whole.guards.multipliers) and whole.guards.multipliers > 0
    assert torch.equal(again.policy.place, whole.policy.place)


def test_what_is_broken_and_by_how_much() -> None:
    module = PointFineTuner(
        guards={"north": Guard("init - 1"), "east": Guard(0.0)}, normalisation={"north": (0.0, 2.0)}
    )
    assert module.guards.broken({"north": -4.0, "east": 0.0}, {"north": 1.0, "east": -9.0}) == {"north": 2.0}
    assert module.guards.in_force == {"north": -1.0, "east": 0.0}
    module.prepare({"east": 1.0}, guarded=False)
    assert module.guards.broken({"north": -4.0, "east": -1.0}, {"north": 1.0}) == module.guards.in_force == {}


def test_another_training_begins_without_pull() -> None:
    module = PointFineTuner(preference={"east": 1.0}, guards={"north": Guard(LIMIT)})
    quiet_trainer(max_epochs=2).fit(module)
    module.prepare({"north": 1.0})
    assert module.guards.weights(module.preference) == module.preference


def test_what_it_did_is_logged() -> None:
    module = PointFineTuner(preference={"east": 1.0}, guards={"north": Guard(LIMIT)})
    trainer = quiet_trainer(max_epochs=2)
    trainer.fit(module)
    logged = trainer.callback_metrics
    assert logged["guard/north"] == logged["reward/north"]
    assert logged["multiplier/north"] == module.guards.multipliers[0]


def test_two_processes_share_their_multipliers() -> None:
    module = PointFineTuner(preference={"east": 1.0}, guards={"north": Guard(LIMIT, 0.05)})
    trainer = quiet_trainer(max_epochs=15, devices=2, strategy="ddp_fork")
    trainer.fit(module)
    torch.testing.assert_close(module.policy.place.detach(), torch.tensor([0.5, 0.5]), atol=0.1, rtol=0)


def test_in_a_soup_they_hold_what_goes_on_from_init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = yaml.safe_load(POINT_RECIPE)
    recipe["model"]["guards"] = {"north": {"at_least": "init - 0.1"}}
    recipe["soup"] |= {
        "normalise": 2,
        "experts": ["east"],
        "morl": [],
        "init_preference": {"east": 1.0},
        "init_epochs": 1,
    }
    Path("point.yaml").write_text(yaml.safe_dump(recipe))
    assert main(["soup", "-c", "point.yaml", "--run_dir", "run"]) == 0
    assert json.loads(Path("run/init/normalisation.json").read_text()).keys() == {"east", "north"}
    init, expert = (json.loads(Path(f"run/stages/{stage}.json").read_text()) for stage in ("init", "experts/east"))
    assert [epoch["multiplier/north"] for epoch in init["history"]] == [0.0]
    assert expert["history"][-1]["multiplier/north"] > 0
    record = front(Path("run"))
    (start,) = (point for point in record["points"] if point["kind"] == "init")
    assert record["limits"]["north"] == pytest.approx(start["scores"]["north"] - 0.1)
    for point in record["points"]:
        assert point["broken"] == ["north"] * (point["scores"]["north"] < record["limits"]["north"])
    assert "multiplier of north" in Path("run/report.html").read_text()


@pytest.mark.parametrize(
    ("guards", "message"),
    [
        ({"nroth": {"at_least": 1}}, "unknown reward of a guard 'nroth': did you mean 'north'"),
        ({"north": {"at_least": "half of init"}}, "'half of init': give a number, a share as '0.8 of init', or"),
        ({"north": {"atleast": 1}}, "model.guards: .* 'atleast': did you mean 'at_least'"),
        ({"north": {"at_least": "0.8 of init"}}, "model.guards.north is '0.8 of init', .* set soup.normalise"),
    ],
)
def test_recipes_that_cannot_be(guards: dict[str, Any], message: str, refused: Callable[..., str]) -> None:
    recipe = yaml.safe_load(POINT_RECIPE)
    recipe["model"]["guards"] = guards
    assert re.search(message, refused("soup", recipe=recipe))


def test_a_reward_per_step_has_no_limit_that_depends_on_how_many_there_are() -> None:
    guards = Guards({"north": Guard("init - 1")}, ["north"])
    with pytest.raises(ConfigError, match=r"model.guards.north is 'init - 1', .* given at each step"):
        guards.adapt({"north": torch.zeros(2, 3)})


def test_limits_from_init_need_its_mean() -> None:
    module = PointFineTuner(guards={"north": Guard("init - 1")})
    with pytest.raises(ConfigError, match=r"model.guards.north is 'init - 1', .* set soup.normalise"):
        quiet_trainer(max_epochs=1).fit(module)
