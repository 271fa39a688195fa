from __future__ import annotations

import pytest
import torch
from torch import nn

from rsoup_lightning.conditioned import conditioned
from rsoup_lightning.conditioning import Conditioning
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.fine_tuner import PretrainedFineTuner
from rsoup_lightning.registry import Task
from tests.conftest import Near, Plane, PointPolicy

TASK = Task("plane", "", "", rewards={"east": "tests.modalities.test_fine_tuner:East"}, recipe="")


class East(Near):
    def __init__(self) -> None:
        super().__init__(1, 0)


class PartlyTrained(PointPolicy):
    """A place, and a frozen net that every checkpoint would otherwise hold again."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Linear(2, 3).requires_grad_(False)

    def weights(self) -> dict[str, torch.Tensor]:
        return {"place": self.place}


class PlaneFineTuner(PretrainedFineTuner):
    task = TASK

    def __init__(self) -> None:
        super().__init__(Plane(), PartlyTrained(), self.built(["east"]))


def test_rewards_by_name_are_the_tasks() -> None:
    assert isinstance(PlaneFineTuner.built(["east"])["east"], East)
    own = Near(0, 1)
    assert PretrainedFineTuner.built({"own": own}) == {"own": own}
    with pytest.raises(ConfigError, match="PretrainedFineTuner has no task to look rewards up in"):
        PretrainedFineTuner.built(["east"])


def test_a_checkpoint_leaves_out_what_is_frozen_and_finds_it_where_it_is() -> None:
    saved, loaded = PlaneFineTuner(), PlaneFineTuner()
    checkpoint = {"state_dict": saved.state_dict()}
    saved.on_save_checkpoint(checkpoint)
    assert "policy.place" in checkpoint["state_dict"]
    assert not any("frozen" in name for name in checkpoint["state_dict"])
    own = loaded.policy.frozen.weight.clone()
    loaded.on_load_checkpoint(checkpoint)
    loaded.load_state_dict(checkpoint["state_dict"])
    assert torch.equal(loaded.policy.frozen.weight, own)
    assert not torch.equal(own, saved.policy.frozen.weight)


def test_a_checkpoint_of_experts_that_are_trained_together_holds_them() -> None:
    saved, loaded, both = PlaneFineTuner(), PlaneFineTuner(), Conditioning(("east", "north"), points=1)
    with conditioned(saved, both), conditioned(loaded, both):
        with torch.no_grad():
            saved.policy.experts[0].copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        checkpoint = {"state_dict": saved.state_dict()}
        saved.on_save_checkpoint(checkpoint)
        loaded.on_load_checkpoint(checkpoint)
        loaded.load_state_dict(checkpoint["state_dict"])
        assert loaded.policy.experts[0].tolist() == [[1.0, 2.0], [3.0, 4.0]]
