from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from rsoup_lightning.kl_penalty import KLPenalty
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.run.trainer.moving_reference import MovingReference
from tests.conftest import PointFineTuner, quiet_trainer


class Places(L.Callback):
    """Where policy and reference are after each rollout."""

    def __init__(self) -> None:
        self.own: list[Tensor] = []
        self.reference: list[Tensor] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        assert isinstance(pl_module, RewardFineTuner)
        self.own.append(pl_module.policy.weights()["place"].clone())
        self.reference.append(pl_module.policy.reference_weights()["place"].clone())


def trained(epochs: int, rate: float, kl: float = 0.2, resume: Path | None = None) -> tuple[Places, L.Trainer]:
    module = PointFineTuner(preference={"east": 1.0}, optimizer=partial(torch.optim.Adam, lr=0.02), kl=KLPenalty(kl))
    places = Places()
    trainer = quiet_trainer(max_epochs=epochs, callbacks=[MovingReference(rate), places])
    trainer.fit(module, ckpt_path=resume, weights_only=True)
    return places, trainer


def test_the_reference_is_the_moving_average_of_the_policy() -> None:
    places, _ = trained(2, 0.1)
    mean = torch.zeros(2)
    for own, reference in zip(places.own, places.reference, strict=True):
        mean = 0.9 * mean + 0.1 * own
        torch.testing.assert_close(reference, mean)
    assert len(places.own) == 20


def test_a_penalty_towards_a_reference_that_follows_lets_the_policy_go_further() -> None:
    near, far = (trained(6, rate, kl=3.0)[0].own[-1] for rate in (1e-9, 0.3))
    assert far[0] > 2 * near[0] > 0


def test_a_training_that_goes_on_has_the_reference_that_it_had(tmp_path: Path) -> None:
    whole, _ = trained(4, 0.1)
    _, half = trained(2, 0.1)
    half.save_checkpoint(tmp_path / "half.ckpt")
    rest, _ = trained(4, 0.1, resume=tmp_path / "half.ckpt")
    assert torch.equal(torch.stack(rest.reference), torch.stack(whole.reference[20:]))
    assert torch.equal(torch.stack(rest.own), torch.stack(whole.own[20:]))
