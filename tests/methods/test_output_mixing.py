from __future__ import annotations

from rsoup_lightning.methods import OutputMixing
from rsoup_lightning.simplex import grid


def test_what_is_trained_and_served_is_that_of_a_rewarded_soup() -> None:
    points = grid(3, 4)
    assert OutputMixing().lattice(["a", "b", "c"], points) == points
    assert OutputMixing().experts(["a", "b"]) == {"a": {"a": 1.0}, "b": {"b": 1.0}}
    assert (OutputMixing().mixing, OutputMixing(drawn=True).mixing) == ("outputs", "drawn outputs")
