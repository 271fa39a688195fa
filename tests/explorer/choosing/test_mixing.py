from __future__ import annotations

import pytest

from rsoup_lightning.errors import CoefficientError, ConfigError, RSoupError, UnknownNameError
from rsoup_lightning.explorer.choosing.mixing import alone, even, in_address, line, moved, nearest, of_address, whole

THREE = ["a", "b", "c"]


@pytest.mark.parametrize("weight", [-0.5, 0.0, 0.123456, 0.7, 1.0, 3.0])
@pytest.mark.parametrize("start", [even(THREE), alone(THREE, "a"), alone(THREE, "b")])
def test_weights_always_sum_to_one(start: dict[str, float], weight: float) -> None:
    mix = moved(start, "a", weight)
    assert sum(mix.values()) == pytest.approx(1, abs=1e-12) and min(mix.values()) >= 0
    assert mix["a"] == pytest.approx(min(max(weight, 0), 1), abs=1e-4)


def test_others_keep_their_proportions() -> None:
    mix = moved({"a": 0.1, "b": 0.6, "c": 0.3}, "a", 0.7)
    assert mix["b"] == pytest.approx(2 * mix["c"])


def test_thirds_are_rounded_and_whole() -> None:
    assert sum(whole(dict.fromkeys(THREE, 1 / 3)).values()) == 1


@pytest.mark.parametrize("mix", [even(THREE), {"a": 0.25, "b": 0.0, "c": 0.75}])
def test_an_address_says_the_same_again(mix: dict[str, float]) -> None:
    assert of_address(in_address(mix), THREE) == mix


def test_names_may_hold_anything() -> None:
    mix = {"more: or, less": 0.25, "ü/?&=": 0.75}
    assert of_address(in_address(mix), list(mix)) == mix


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a:x", ConfigError),
        ("", ConfigError),
        ("a:1,d:0", UnknownNameError),
        ("a:0.5,b:0.6", CoefficientError),
        ("a:1.5,b:-0.5", CoefficientError),
        ("a:nan,b:1", CoefficientError),
    ],
)
def test_what_is_no_mix_is_refused(text: str, error: type[RSoupError]) -> None:
    with pytest.raises(error):
        of_address(text, THREE)


@pytest.mark.parametrize("stops", [2, 7])
def test_a_line_goes_from_end_to_end_on_the_simplex(stops: int) -> None:
    found = line(alone(THREE, "a"), even(THREE), stops)
    assert len(found) == stops and found[0] == alone(THREE, "a") and found[-1] == even(THREE)
    assert all(sum(mix.values()) == pytest.approx(1, abs=1e-12) and min(mix.values()) >= 0 for mix in found)


@pytest.mark.parametrize("weight", [number / 100 for number in range(101)])
def test_between_two_experts_some_stop_is_always_near(weight: float) -> None:
    stops = line({"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}, 7)
    found = nearest({"a": 1 - weight, "b": weight}, stops, within=1 / 12)
    assert found is not None and abs(stops[found]["b"] - weight) <= 1 / 12 + 1e-4
