from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision

from rsoup_lightning.errors import CoefficientError, ConfigError, MergeError, RewardError, UnknownNameError
from rsoup_lightning.merging import write_weights
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.rollout import Rollout
from tests.conftest import Near, Plane, PointFineTuner, PointPolicy, quiet_trainer


def test_all_rewards_are_logged_whatever_the_preference() -> None:
    module = PointFineTuner(preference={"east": 1.0})
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(module)
    assert {"reward/east", "reward/north"} <= trainer.callback_metrics.keys()
    assert module.steps_taken.item() == 10 * 8 * 4


def test_test_reports_the_mean_over_all_batches(point: PointFineTuner) -> None:
    (result,) = quiet_trainer().test(point, verbose=False)
    rollout = point.environment.evaluate(point.policy, torch.arange(12))
    assert result["test/east"] == pytest.approx(point.rewards["east"](rollout).mean().item(), abs=1e-6)


def test_bad_preferences() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'east'"):
        PointFineTuner(preference={"eats": 1.0})
    with pytest.raises(CoefficientError, match="sum to 1"):
        PointFineTuner(preference={"east": 0.7, "north": 0.7})
    with pytest.raises(ConfigError, match=r"model\.rewards is empty, or has guards alone"):
        RewardFineTuner(Plane(), PointPolicy(), {})


def test_init_weights_that_do_not_fit(tmp_path: Path) -> None:
    write_weights(tmp_path, {"place": torch.zeros(3)})
    with pytest.raises(MergeError, match="'place' has shape"):
        PointFineTuner(init_weights=str(tmp_path))


def test_not_finite_reward_stops_before_any_update() -> None:
    module = PointFineTuner()
    module.rewards["east"] = Near(float("nan"), 0)
    with pytest.raises(RewardError, match="'east' is nan at training step 0, completion 0"):
        quiet_trainer(max_epochs=1).fit(module)
    assert module.policy.place.tolist() == [0.0, 0.0]


def test_a_missing_field_stops_the_training(point: PointFineTuner) -> None:
    """Lightning takes a StopIteration for the end of the data: ours must be another error."""

    class Misspelt(Near):
        def __call__(self, rollout: Rollout) -> torch.Tensor:
            return rollout["acctions"][:, 0, 0]

    point.rewards["east"] = Misspelt(1, 0)
    with pytest.raises(UnknownNameError, match="did you mean 'actions'"):
        quiet_trainer(max_epochs=1).fit(point)


def test_two_processes_train_one_policy() -> None:
    """Under DDP each process samples on its own, and the averaged gradients lead to the same goal."""
    module = PointFineTuner(preference={"east": 0.5, "north": 0.5})
    quiet_trainer(max_epochs=8, devices=2, strategy="ddp_fork").fit(module)
    torch.testing.assert_close(module.policy.place.detach(), torch.tensor([0.5, 0.5]), atol=0.1, rtol=0)


def test_a_gradient_is_clipped_without_the_scale_of_its_loss() -> None:
    """In 16 bits a loss is multiplied by 65,536 at first, and its gradient divided by that before the step."""
    moved = []
    for plugins in ([], [MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))]):
        module = PointFineTuner(preference={"east": 1.0}, optimizer=partial(torch.optim.SGD, lr=0.02))
        quiet_trainer(max_epochs=1, plugins=plugins).fit(module)
        moved.append(module.policy.place.detach())
    assert moved[0].norm() > 0.05
    torch.testing.assert_close(moved[1], moved[0], atol=1e-3, rtol=0)


def test_a_number_of_an_environment_called_importance_weighs_nothing() -> None:
    class Telling(Plane):
        def rollout(self, *args: Any, **how: Any) -> Rollout:
            rollout = super().rollout(*args, **how)
            return rollout.with_signals(importance=torch.zeros_like(rollout.log_probs))

    places = []
    for environment in (Plane(), Telling()):
        module = PointFineTuner(preference={"east": 1.0})
        module.environment = environment
        quiet_trainer(max_epochs=1).fit(module)
        places.append(module.policy.place.detach())
    assert torch.equal(*places) and places[0].any()
