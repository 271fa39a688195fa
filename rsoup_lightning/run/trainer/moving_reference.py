"""``MovingReference``: a KL penalty's reference policy that follows the policy."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch

from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.policy import Weights


class MovingReference(L.Callback):
    """After each training rollout, θ_ref ← (1 - α) θ_ref + α θ (Ramé et al. 2024, "WARP", section 3.1).

    The reference is a part of checkpoints.

    Args:
        rate: α, in (0, 1].
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._reference: Weights = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, RewardFineTuner)
        before, self._reference = self._reference, pl_module.policy.reference_weights()
        for name, tensor in before.items():  # of the training that goes on
            self._reference[name].copy_(tensor)

    @torch.no_grad()
    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        assert isinstance(pl_module, RewardFineTuner)
        own = pl_module.policy.weights()
        for name, tensor in self._reference.items():
            if tensor.is_floating_point():
                tensor.lerp_(own[name], self.rate)
            else:
                tensor.copy_(own[name])

    def state_dict(self) -> dict[str, Any]:
        return {"reference": dict(self._reference)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._reference = state_dict["reference"]
