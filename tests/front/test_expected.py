from __future__ import annotations

import pytest

from rsoup_lightning.front.expected import expected_scores
from rsoup_lightning.front.results import record_of
from rsoup_lightning.simplex import grid, rounded, uniform
from tests.report.demo import demo_record


def test_a_measured_point_is_as_measured() -> None:
    record = demo_record(2)
    expected = expected_scores(record, {"reward_a": 0.25, "reward_b": 0.75})
    assert expected is not None and expected.point is not None and expected.fitted == 0
    point = record["points"][expected.point]
    assert point["coefficients"] == {"reward_a": 0.25, "reward_b": 0.75}
    assert (expected.scores, expected.ci95) == (point["scores"], point["ci95"])


def test_between_points_a_fit_tells() -> None:
    """A reward that is quadratic in λ, and no completions behind it: the fit is exact, and has no interval."""
    places = grid(2, 6)
    record = record_of("t", ["a", "b"], places, {"a": [x * x for x, _ in places], "b": [y for _, y in places]})
    expected = expected_scores(record, {"a": 0.3, "b": 0.7})
    assert expected is not None and expected.point is None and expected.fitted == 6
    assert expected.scores == pytest.approx({"a": 0.09, "b": 0.7})
    assert expected.ci95 == {"a": None, "b": None}


def test_an_estimate_has_an_interval_around_it() -> None:
    expected = expected_scores(demo_record(3), {"reward_a": 0.3, "reward_b": 0.3, "reward_c": 0.4})
    assert expected is not None
    for name, score in expected.scores.items():
        interval = expected.ci95[name]
        assert interval is not None and interval[0] < score < interval[1]


def test_experts_alone_tell_nothing_of_what_is_between() -> None:
    record = record_of("t", ["a", "b"], [(1, 0), (0, 1)], {"a": [1, 0], "b": [0, 1]})
    assert expected_scores(record, {"a": 0.5, "b": 0.5}) is None
    assert expected_scores(record, {"a": 1.0}) is not None


@pytest.mark.parametrize(("experts", "steps"), [(2, 4), (2, 7), (3, 4), (3, 2)])
def test_a_measured_point_is_known_by_four_digits_of_it(experts: int, steps: int) -> None:
    names, places = "abc"[:experts], [*grid(experts, steps), *uniform(experts)]
    scores = {name: [point[index] for point in places] for index, name in enumerate(names)}
    record = record_of("t", list(names), places, scores)
    for number, point in enumerate(places):
        written = rounded(dict(zip(names, point, strict=True)), 4)
        expected = expected_scores(record, written)
        assert expected is not None and places[expected.point or 0] == places[number]
