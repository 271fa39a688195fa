from __future__ import annotations

import numpy as np
import pytest

from rsoup_lightning.errors import FrontError
from rsoup_lightning.front.chosen import choose, measured_front
from rsoup_lightning.front.results import Point, front_record, record_of
from rsoup_lightning.simplex import grid
from tests.commands.test_pick import NAMES, _front


def test_a_front_in_memory() -> None:
    front = measured_front(_front())
    chosen = choose(front, {"risky": 1})
    assert chosen.coefficients == {"risky": 1, "cautious": 0}
    assert chosen.preference == {"risky": 1, "cautious": 0}
    assert str(chosen) == "Chosen(λ = risky 1, cautious 0)"
    assert chosen.record()["coefficients"] == chosen.coefficients and "as measured there" in chosen.reason
    learnt = choose(front, choices=[{"preferred": {"point": 10}, "other": {"point": 0}}] * 9)
    assert learnt.preference["risky"] > learnt.preference["cautious"]


def test_what_was_measured_at_a_fitted_optimum_is_said_and_that_it_tells_little() -> None:
    """A quadratic through noisy points rises to the end, though the point before it was measured to be better."""
    noise = 5 * (-1.0) ** np.arange(100)
    measured = dict(zip(grid(2, 5), [0, 0.3, 0.5, 1, 0.95], strict=True))
    points = [
        Point("expert" if 1 in place else "soup", dict(zip(NAMES, place, strict=True)), None, scores)
        for place in grid(2, 5)
        for scores in [{"risky": measured[place] + noise, "cautious": place[1] + noise}]
    ]
    record = front_record("toy", NAMES, points, reference_point=None, training_cost={})
    first, second = choose(measured_front(record), {"risky": 1}).reason.splitlines()
    assert first.startswith("λ = risky 1, cautious 0: utility 1.0") and "above the best evaluated point" in first
    assert first.endswith("; 1.000 was measured at λ itself")
    assert second.endswith("evaluate on more entries")


def test_known_means_alone_are_no_ground_to_choose_on() -> None:
    record = record_of("toy", NAMES, grid(2, 3), {"risky": [0, 1, 2], "cautious": [2, 2, 0]})
    with pytest.raises(FrontError, match="the front has scores without a standard error"):
        measured_front(record)
