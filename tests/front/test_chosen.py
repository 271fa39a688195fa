from __future__ import annotations

import pytest

from rsoup_lightning.errors import FrontError
from rsoup_lightning.front.chosen import choose, measured_front
from rsoup_lightning.front.results import record_of
from rsoup_lightning.simplex import grid
from tests.commands.test_pick import NAMES, _front


def test_a_front_in_memory() -> None:
    front = measured_front(_front())
    chosen = choose(front, {"risky": 1})
    assert chosen.coefficients == {"risky": 1, "cautious": 0}
    assert chosen.preference == {"risky": 1, "cautious": 0}
    assert str(chosen) == "Chosen(λ = risky 1, cautious 0)"
    assert chosen.record()["coefficients"] == chosen.coefficients and "best evaluated point" in chosen.reason
    learnt = choose(front, choices=[{"preferred": {"point": 10}, "other": {"point": 0}}] * 9)
    assert learnt.preference["risky"] > learnt.preference["cautious"]


def test_known_means_alone_are_no_ground_to_choose_on() -> None:
    record = record_of("toy", NAMES, grid(2, 3), {"risky": [0, 1, 2], "cautious": [2, 2, 0]})
    with pytest.raises(FrontError, match="the front has scores without a standard error"):
        measured_front(record)
