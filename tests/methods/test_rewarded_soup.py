from __future__ import annotations

from rsoup_lightning.methods import RewardedSoup
from rsoup_lightning.simplex import grid


def test_coefficients_are_the_preference() -> None:
    points = grid(3, 4)
    assert RewardedSoup().lattice(["a", "b", "c"], points) == points
    assert RewardedSoup().experts(["a", "b"]) == {"a": {"a": 1.0}, "b": {"b": 1.0}}
