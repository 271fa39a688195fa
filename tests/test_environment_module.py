from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from rsoup_lightning.errors import ConfigError
from tests.conftest import PointFineTuner, quiet_trainer


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


def test_settings_that_the_optimizer_refuses() -> None:
    module = PointFineTuner(optimizer=partial(torch.optim.Adam, lr=-1.0))
    with pytest.raises(ConfigError, match="the optimizer cannot be built: Invalid learning rate: -1"):
        quiet_trainer(max_epochs=1).fit(module)


def test_an_optimizer_that_asks_for_the_loss_again_is_refused() -> None:
    with pytest.raises(ConfigError, match="LBFGS computes the loss again within a step"):
        quiet_trainer(max_epochs=1).fit(PointFineTuner(optimizer=torch.optim.LBFGS))


def test_learning_rate_decays_to_the_last_epoch() -> None:
    module = PointFineTuner(decay_learning_rate=True)
    trainer = quiet_trainer(max_epochs=4)
    trainer.fit(module)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.02 / 4)


def test_decay_needs_an_end() -> None:
    with pytest.raises(ConfigError, match=r"set trainer\.max_epochs"):
        quiet_trainer(max_epochs=-1, max_steps=3).fit(PointFineTuner(decay_learning_rate=True))
