from __future__ import annotations

from typing import Any

import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.kl_penalty import KLPenalty
from rsoup_lightning.methods import WARP
from rsoup_lightning.methods.method import Derived, Stage
from tests.conftest import PointFineTuner


def test_the_next_round_begins_part_of_the_way_to_the_merge() -> None:
    stages = {stage.name: stage for stage in WARP(rounds=2, eta=0.25).stages(["a", "b"], 4)}
    start = stages["rounds/0/start"]
    assert isinstance(start, Derived) and start.sources == ("rounds/0/a", "rounds/0/b", "init")
    first, second, init = (torch.tensor(place) for place in ([3.0, 1.0], [1.0, 3.0], [1.0, 1.0]))
    made = start.make([{"w": first}, {"w": second}, {"w": init}]).weights["w"]
    # at right angles, the arc's middle has both task vectors, each by the sine of 45 over that of 90 degrees
    torch.testing.assert_close(made, init + 0.25 * (2.0 * torch.ones(2) / 2**0.5))


def test_references_follow_and_the_last_round_is_merged_from_its_start() -> None:
    method = WARP(rounds=3, alpha=0.05)
    trained = [stage for stage in method.stages(["a", "b"], 3) if isinstance(stage, Stage)]
    assert {stage.reference_rate for stage in trained} == {0.05} and len(trained) == 6
    assert {stage.start for stage in trained if stage.family == "experts"} == {method.origin} == {"rounds/1/start"}
    assert WARP(rounds=1).origin == "init" and method.mixing == "slerp"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"alpha": 0}, "alpha is 0"), ({"eta": 1.5}, r"eta is 1\.5"), ({"rounds": 0}, "rounds is 0")],
)
def test_settings_that_cannot_be(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        WARP(**settings)


def test_what_it_needs_is_named() -> None:
    with pytest.raises(ConfigError, match="merges two experts by slerp, and the rewards are a, b, c"):
        WARP().experts(["a", "b", "c"])
    with pytest.raises(ConfigError, match=r"set model\.kl\.coefficient"):
        WARP().check(PointFineTuner(), ["east", "north"])
    WARP().check(PointFineTuner(kl=KLPenalty(0.1)), ["east", "north"])
