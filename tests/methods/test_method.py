from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.methods import RewardedSoup
from rsoup_lightning.methods.method import Method, Stage, expert_name
from rsoup_lightning.simplex import Coefficients
from tests.conftest import PointFineTuner


class Halves(Method):
    """Serves every preference with half of each of two experts."""

    def experts(self, rewards: object) -> dict[str, dict[str, float]]:
        return {"first": {"a": 1.0}, "second": {"a": 0.5, "b": 0.5}}

    def coefficients(self, preference: object, rewards: object) -> Coefficients:
        return (0.5, 0.5)


def test_by_default_experts_begin_at_init() -> None:
    assert Halves().stages(["a", "b"], 3) == [
        Stage("experts/first", {"a": 1.0}, 3, "init"),
        Stage("experts/second", {"a": 0.5, "b": 0.5}, 3, "init"),
    ]


def test_every_expert_is_evaluated_alone_and_nothing_twice() -> None:
    assert Halves().lattice(["a", "b"], [(1, 0), (0, 1)]) == [(0.5, 0.5), (1.0, 0.0), (0.0, 1.0)]


def test_experts_are_named_after_what_they_maximise() -> None:
    assert expert_name({"a": 0.0, "b": 1.0}) == "b" and expert_name({"a": 1 / 3, "b": 2 / 3}) == "0.333333-0.666667"


def test_lora_is_not_merged_as_whole_weights() -> None:
    with pytest.raises(ConfigError, match="merges by ties, which takes whole weights, and LoRA is trained"):
        RewardedSoup("ties").check(SimpleNamespace(policy=Adapted()), ["a", "b"])  # type: ignore[arg-type]
    RewardedSoup("ties", {"density": 0.3}).check(PointFineTuner(), ["a", "b"])


class Adapted(nn.Module):
    def weights(self) -> dict[str, Tensor]:
        return {"model.base_model.model.q.lora_A.default.weight": torch.zeros(2, 4)}
