from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from rsoup_lightning.errors import CoefficientError, ConfigError, FrontError, RSoupError, UnknownNameError
from rsoup_lightning.serving.errors import RequestError
from rsoup_lightning.serving.points import Points
from tests.serving.parrot import soup


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"coefficients": {"kind": 0.25, "brief": 0.75}}, (0.25, 0.75)),
        ({"model": "tuned", "coefficients": {"brief": 1}}, (0.0, 1.0)),
        ({"model": "tuned@kind=0.25,brief=0.75"}, (0.25, 0.75)),
        ({"model": "tuned@brief=1"}, (0.0, 1.0)),
        ({"model": "tuned@0.25,0.75"}, (0.25, 0.75)),
        ({"preference": {"kind": 0.25, "brief": 0.75}}, (0.25, 0.75)),
        ({}, (0.5, 0.5)),
        ({"model": "tuned"}, (0.5, 0.5)),
    ],
)
def test_each_way_to_say_lambda(asked: dict[str, Any], wanted: tuple[float, float]) -> None:
    found = Points("tuned", soup(front=True), {"kind": 0.5, "brief": 0.5}).find(**asked)
    assert found.coefficients == pytest.approx(wanted, abs=1e-3)
    assert found.record["coefficients"] == dict(zip(("kind", "brief"), found.coefficients, strict=True))
    assert ("expected" in found.record) == ("preference" in asked)


def test_a_preference_says_what_is_expected_of_it() -> None:
    made = soup(front=True)
    assert made.front is not None
    found, chosen = (
        Points("tuned", made).find(preference={"kind": 0.63, "brief": 0.37}),
        made.front.pick({"kind": 0.63, "brief": 0.37}),
    )
    expected, record = found.record["expected"], chosen.record()
    assert found.record["preference"] == {"kind": 0.63, "brief": 0.37}
    assert expected["reason"] == chosen.reason
    for key in ("scores", "ci95", "utility", "utility_ci95"):
        assert expected[key] == record[key]
    low, high = expected["utility_ci95"]
    assert low < expected["utility"] < high


def test_one_expert_needs_no_lambda_and_a_preference_may_be_the_default() -> None:
    assert Points("tuned", soup("picked")).find().coefficients == (1.0,)
    assert Points("tuned", soup(front=True), preference={"kind": 1}).find().coefficients == (1.0, 0.0)


@pytest.mark.parametrize(
    ("asked", "param", "reason"),
    [
        ({}, "coefficients", 'give coefficients such as {"kind": 0.5, "brief": 0.5}, or a preference'),
        ({"model": "tuned"}, "coefficients", "no λ, and no default here"),
        ({"model": "tunde"}, "model", "the model here is 'tuned', or tuned@ and λ"),
        ({"model": "tuned@0.5,0.6"}, "model", "sum to 1 and not to 1.1"),
        ({"model": "tuned@"}, "model", "'' is not a number"),
        ({"model": "tuned@knd=1"}, "model", "did you mean 'kind'"),
        ({"model": "tuned@nan,0.5"}, "model", "finite"),
        ({"coefficients": {"knd": 1.0}}, "coefficients", "did you mean 'kind'"),
        ({"coefficients": {}}, "coefficients", "sum to 1"),
        ({"coefficients": {"kind": 2, "brief": -1}}, "coefficients", "must not be negative"),
        ({"preference": {"knd": 1.0}}, "preference", "unknown reward 'knd': did you mean 'kind'"),
        ({"preference": {"kind": 0.5}}, "preference", "sum to 1"),
        ({"model": "tuned@1,0", "preference": {"kind": 1}}, "preference", "model and preference say which λ"),
        ({"coefficients": {"kind": 1}, "preference": {"kind": 1}}, "preference", "give one of them"),
    ],
)
def test_what_is_wrong_is_named(asked: dict[str, Any], param: str, reason: str) -> None:
    with pytest.raises(RequestError) as refused:
        Points("tuned", soup(front=True)).find(**asked)
    assert reason in str(refused.value) and refused.value.param == param
    assert refused.value.status == (404 if "tunde" in asked.values() else 400)


def test_no_preference_without_a_front() -> None:
    points = Points("tuned", soup())
    assert not points.takes_preferences and Points("tuned", soup(front=True)).takes_preferences
    with pytest.raises(RequestError, match=r"no front .*: give coefficients"):
        points.find(preference={"kind": 1})


@pytest.mark.parametrize(
    ("name", "default", "error"),
    [
        ("a@b", {}, ConfigError),
        ("", {}, ConfigError),
        ("a", {"coefficients": {"kind": 0.4}}, CoefficientError),
        ("a", {"coefficients": {"knd": 1}}, UnknownNameError),
        ("a", {"coefficients": {}}, CoefficientError),
        ("a", {"preference": {"kind": 1}}, FrontError),
        ("a", {"coefficients": {"kind": 1}, "preference": {"kind": 1}}, ConfigError),
    ],
)
def test_servers_that_cannot_be(name: str, default: dict[str, Any], error: type[RSoupError]) -> None:
    with pytest.raises(error):
        Points(name, soup(), **default)


@pytest.mark.parametrize("count", [2, 3, 6, 7])
def test_the_example_that_it_gives_is_taken(count: int) -> None:
    experts = tuple("abcdefg"[:count])
    points = Points("tuned", SimpleNamespace(experts=experts, rewards=experts, front=None))
    with pytest.raises(RequestError) as refused:
        points.find()
    (example,) = re.findall(r"\{.*\}", str(refused.value))
    assert sum(points.find(coefficients=json.loads(example)).coefficients) == pytest.approx(1)
