from __future__ import annotations

import numpy as np
import pytest

from rsoup_lightning.front.collapse import collapsed
from rsoup_lightning.front.record import check_record
from rsoup_lightning.front.results import Point, front_record
from rsoup_lightning.front.seeds import combine_seeds

INIT = {"real": np.arange(100.0), "share": np.arange(100) % 2}


def test_half_of_the_completions_must_be_outliers_of_init() -> None:
    worse = np.where(np.arange(100) < 51, -1.0, 99.0)
    assert collapsed({"real": worse}, INIT, ["real"]) == ["real"]
    assert collapsed({"real": np.roll(worse, 1)[::-1]}, INIT, ["real"]) == ["real"]  # whichever they are
    assert collapsed({"real": np.where(np.arange(100) < 49, -1.0, 99.0)}, INIT, ["real"]) == []
    assert collapsed(INIT, INIT, ["real", "share"]) == []


def test_better_than_init_is_no_collapse() -> None:
    assert collapsed({"real": np.full(100, 1e3)}, INIT, ["real"]) == []


def test_a_guard_that_says_yes_or_no_has_collapsed_when_most_of_its_yeses_are_lost() -> None:
    def share(yes: int, of: int = 200) -> dict:
        return {"share": np.arange(of) < yes}

    assert collapsed(share(36), share(158), ["share"]) == ["share"]
    assert collapsed(share(84), share(158), ["share"]) == []
    assert collapsed(share(1), share(4), ["share"]) == []  # may be chance
    assert collapsed(share(0), share(0), ["share"]) == []
    assert collapsed(share(0), share(200), ["share"]) == ["share"]


def test_only_guards_count() -> None:
    assert collapsed({"real": np.full(100, -1e3)}, INIT, []) == []


def points(shift: float, init: bool = True) -> list[Point]:
    noise = np.random.default_rng(0).normal(size=50)
    ends = [({"a": 1.0, "b": 0.0}, 0.0), ({"a": 0.0, "b": 1.0}, shift)]
    made = [
        Point("expert", place, None, {"a": place["a"] + noise, "b": place["b"] + noise, "real": noise - low})
        for place, low in ends
    ]
    return [*made, Point("init", None, None, {"a": noise, "b": noise, "real": noise})] if init else made


def record(shift: float, limits: dict[str, float] | None = None, **options: bool) -> dict:
    made, guards = points(shift, **options), ["real"]
    return front_record("t", ["a", "b"], made, reference_point=None, training_cost={}, guards=guards, limits=limits)


def test_a_front_tells_which_points_have_collapsed() -> None:
    assert [point["collapsed"] for point in record(5.0)["points"]] == [[], ["real"], []]
    assert [point["collapsed"] for point in record(0.5)["points"]] == [[], [], []]
    assert [point["collapsed"] for point in record(5.0, init=False)["points"]] == [[], []]


def test_a_front_tells_which_points_break_a_limit() -> None:
    limits = {"real": float(points(0.5)[0].scores["real"].mean()) - 0.1}
    made = [
        front_record("t", ["a", "b"], points(shift), reference_point=None, training_cost={}, limits=limits)
        for shift in (0.05, 0.5)
    ]
    assert [[point["broken"] for point in each["points"]] for each in made] == [[[], [], []], [[], ["real"], []]]
    assert [point["broken"] for point in combine_seeds(made)["points"]] == [[], ["real"], []]
    assert check_record(combine_seeds(made))["limits"] == pytest.approx(limits)
    assert [point["broken"] for point in record(5.0)["points"]] == [[], [], []]


def test_a_guard_with_a_limit_is_judged_by_the_limit() -> None:
    kept, lost = (record(5.0, {"real": limit})["points"][1] for limit in (-6.0, -4.0))
    assert kept["collapsed"] == kept["broken"] == lost["collapsed"] == [] and lost["broken"] == ["real"]


def test_a_collapse_under_one_seed_is_one() -> None:
    combined = combine_seeds([record(0.5), record(5.0)])
    assert [point["collapsed"] for point in combined["points"]] == [[], ["real"], []]


def test_rounding_is_no_collapse() -> None:
    assert collapsed({"same": np.full(9, 0.7 * (1 - 1e-7))}, {"same": np.full(9, 0.7)}, ["same"]) == []
