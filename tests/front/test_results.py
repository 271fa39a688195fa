from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rsoup_lightning.errors import CoefficientError, FrontError, UnknownNameError
from rsoup_lightning.front.results import Point, front_record, record_of

GENERATOR = np.random.default_rng(0)


def _point(kind: str, weight: float | None, risky: float, cautious: float) -> Point:
    noise = GENERATOR.normal(0, 0.01, 20)
    coefficients = None if weight is None else {"risky": weight, "cautious": 1 - weight}
    return Point(kind, coefficients, None, {"risky": risky + noise, "cautious": cautious + noise, "other": noise})  # type: ignore


def _record(shift: float = 0.0, order: int = 1) -> dict:
    points = [_point("expert", 0.0, 0, 4), _point("soup", 0.5, 3 + shift, 3), _point("expert", 1.0, 4, 0)][::order]
    points += [_point("morl", None, 3, 3.5), _point("init", None, -1, -2)]
    cost = {"soup": 30, "morl": 20}
    return front_record("t", ["risky", "cautious"], points, reference_point=None, training_cost=cost)


@pytest.mark.parametrize("order", [1, -1])
def test_summary_does_not_depend_on_the_order_of_points(order: int) -> None:
    summary = _record(order=order)["summary"]
    assert summary["lmc"]["holds"] == summary["lmc"]["of"] == summary["lmc"]["confirmed"] == 1
    assert summary["lmc"]["worst_gap"] == pytest.approx(1, abs=0.02)
    assert summary["hypervolume_normalised"]["soup"] == pytest.approx(9 / 16, abs=0.01)
    assert summary["hypervolume_normalised"]["morl"] == pytest.approx(10.5 / 16, abs=0.01)
    low, high = summary["hypervolume_normalised_ci95"]["soup"]
    assert low < summary["hypervolume_normalised"]["soup"] < high
    error = summary["hypervolume_normalised_standard_errors"]["soup"]
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.2)
    assert summary["reference_point"] == {"risky": pytest.approx(-1, abs=0.01), "cautious": pytest.approx(-2, abs=0.01)}
    assert summary["hypervolume"]["morl"] == pytest.approx(1 * 6 + 3 * 5.5 + 1 * 2, abs=0.1)


def test_flat_box_has_no_normalised_hypervolume() -> None:
    points = [_point("expert", 0.0, 1, 1), _point("expert", 1.0, 1, 1)]
    points = [Point(p.kind, p.coefficients, None, {"risky": np.ones(3), "cautious": np.ones(3)}) for p in points]
    record = front_record("t", ["risky", "cautious"], points, reference_point=None, training_cost={})
    assert record["summary"]["hypervolume_normalised"] == {"soup": None}
    assert record["summary"]["lmc"]["of"] == 0


def test_standard_errors_stand_beside_the_scores() -> None:
    points = [_point("expert", 0.0, 0, 4), _point("expert", 1.0, 4, 0)]
    record = front_record("t", ["risky", "cautious"], points, reference_point=None, training_cost={})
    assert record["degrees_of_freedom"] == 19
    for point, written in zip(points, record["points"], strict=True):
        assert written["standard_errors"] == {n: pytest.approx(stats.sem(v)) for n, v in point.scores.items()}


def test_a_single_entry_claims_no_interval() -> None:
    scores = [{"risky": np.array([float(at)]), "cautious": np.array([1.0 - at])} for at in (0, 1)]
    points = [Point("expert", {"risky": s["risky"][0], "cautious": s["cautious"][0]}, None, s) for s in scores]
    record = front_record("t", ["risky", "cautious"], points, reference_point=None, training_cost={})
    unknown = {"risky": None, "cautious": None}
    assert [(p["ci95"], p["standard_errors"]) for p in record["points"]] == [(unknown, unknown)] * 2
    assert record["degrees_of_freedom"] == 0


def test_record_of_known_means_claims_no_interval() -> None:
    scores = {"a": [0.0, 3, 4], "b": [4.0, 3, 0], "other": [1.0, 2, 3]}
    record = record_of("t", ["a", "b"], [(0, 1), (0.5, 0.5), (1, 0)], scores)
    assert [point["kind"] for point in record["points"]] == ["expert", "soup", "expert"]
    assert record["points"][1]["scores"] == {"a": 3, "b": 3, "other": 2}
    unknown = dict.fromkeys(scores)
    assert [(p["ci95"], p["standard_errors"]) for p in record["points"]] == [(unknown, unknown)] * 3
    assert record["degrees_of_freedom"] == 0
    summary = record["summary"]
    assert summary["hypervolume_normalised"] == {"soup": pytest.approx(9 / 16)}
    assert summary["hypervolume_normalised_ci95"] == {"soup": None}
    assert summary["hypervolume_normalised_standard_errors"] == {"soup": None}
    assert summary["lmc"] == {"holds": 1, "of": 1, "worst_gap": 1}


def test_record_of_says_what_is_missing() -> None:
    with pytest.raises(CoefficientError, match=r"no point is the expert 'b'"):
        record_of("t", ["a", "b"], [(1, 0), (0.5, 0.5)], {"a": [1, 0.5], "b": [0, 0.5]})
    with pytest.raises(CoefficientError, match=r"1 coefficients for 2 experts"):
        record_of("t", ["a", "b"], [(1,)], {"a": [1], "b": [0]})
    with pytest.raises(CoefficientError, match=r"'b' has scores of shape \(1,\) for 2 λ"):
        record_of("t", ["a", "b"], [(1, 0), (0, 1)], {"a": [1, 0], "b": [0]})
    for bad in (float("nan"), float("-inf")):
        with pytest.raises(FrontError, match=rf"'other' scores {bad} at λ = \(0\.0, 1\.0\)"):
            record_of("t", ["a", "b"], [(1, 0), (0, 1)], {"a": [1, 0], "b": [0, 1], "other": [1, bad]})
    with pytest.raises(UnknownNameError, match="'bb': did you mean 'b'"):
        record_of("t", ["a", "bb"], [(1, 0), (0, 1)], {"a": [1, 0], "b": [0, 1]})
