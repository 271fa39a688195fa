from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError, MergeError
from rsoup_lightning.methods import RewardedSoup
from rsoup_lightning.simplex import grid


def test_coefficients_are_the_preference() -> None:
    points = grid(3, 4)
    assert RewardedSoup().lattice(["a", "b", "c"], points) == points
    assert RewardedSoup().experts(["a", "b"]) == {"a": {"a": 1.0}, "b": {"b": 1.0}}


def test_a_merge_that_the_sweep_would_fail_at_is_refused_before() -> None:
    with pytest.raises(MergeError, match="slerp goes between two experts, got 3"):
        RewardedSoup("slerp").experts(["a", "b", "c"])
    with pytest.raises(ConfigError, match="density must lie in"):
        RewardedSoup("dare", {"density": 3}).experts(["a", "b"])
    assert [*RewardedSoup("ties").experts(["a", "b", "c"])] == ["a", "b", "c"]
