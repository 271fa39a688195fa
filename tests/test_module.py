from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from rsoup_lightning.errors import CoefficientError, ConfigError, MergeError, RewardError, UnknownNameError
from rsoup_lightning.merging import write_weights
from rsoup_lightning.rollout import Rollout
from tests.conftest import Near, PointFineTuner, quiet_trainer


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


def test_init_weights_that_do_not_fit(tmp_path: Path) -> None:
    write_weights(tmp_path, {"place": torch.zeros(3)})
    with pytest.raises(MergeError, match="'place' has shape"):
        PointFineTuner(init_weights=str(tmp_path))


def test_training_is_a_function_of_the_seed() -> None:
    places = []
    for seed in (1, 1, 2):
        module = PointFineTuner(seed=seed)
        quiet_trainer(max_epochs=2).fit(module)
        places.append(module.policy.place.detach())
    assert torch.equal(places[0], places[1])
    assert not torch.equal(places[0], places[2])


def test_a_training_that_continues_others_samples_what_they_would_have_sampled_next() -> None:
    """By an optimiser without a state, two trainings of an epoch are one of two epochs."""
    settings: dict[str, Any] = {"optimizer": partial(torch.optim.SGD, lr=0.05), "seed": 3}
    whole, parts, again = (PointFineTuner(**settings) for _ in range(3))
    quiet_trainer(max_epochs=2).fit(whole)
    for module, before in ((parts, 1), (again, 0)):
        quiet_trainer(max_epochs=1).fit(module)
        module.prepare(module.preference, epochs_before=before)
        quiet_trainer(max_epochs=1).fit(module)
    assert torch.equal(parts.policy.place, whole.policy.place)
    assert not torch.equal(again.policy.place, whole.policy.place)


def test_not_finite_reward_stops_before_any_update() -> None:
    module = PointFineTuner()
    module.rewards["east"] = Near(float("nan"), 0)
    with pytest.raises(RewardError, match="'east' is nan at training step 0, completion 0"):
        quiet_trainer(max_epochs=1).fit(module)
    assert module.policy.place.tolist() == [0.0, 0.0]


def test_settings_that_the_optimizer_refuses() -> None:
    module = PointFineTuner(optimizer=partial(torch.optim.Adam, lr=-1.0))
    with pytest.raises(ConfigError, match="the optimizer cannot be built: Invalid learning rate: -1"):
        quiet_trainer(max_epochs=1).fit(module)


def test_learning_rate_decays_to_the_last_epoch() -> None:
    module = PointFineTuner(decay_learning_rate=True)
    trainer = quiet_trainer(max_epochs=4)
    trainer.fit(module)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.02 / 4)


def test_decay_needs_an_end() -> None:
    with pytest.raises(ConfigError, match=r"set trainer\.max_epochs"):
        quiet_trainer(max_epochs=-1, max_steps=3).fit(PointFineTuner(decay_learning_rate=True))


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
