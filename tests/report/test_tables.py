from __future__ import annotations

import csv
import io

import pytest

from rsoup_lightning.front.results import record_of
from rsoup_lightning.report.tables import cost_table, delimited, points_table
from rsoup_lightning.report.view import point_label
from tests.report.demo import demo_record


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_every_number_of_every_point_can_be_taken_away(delimiter: str) -> None:
    record = demo_record(3)
    rows = list(csv.DictReader(io.StringIO(delimited(record, delimiter)), delimiter=delimiter))
    assert len(rows) == len(record["points"])
    for row, point in zip(rows, record["points"], strict=True):
        assert row["kind"] == point["kind"]
        for name in record["rewards"]:
            assert float(row[name]) == point["scores"][name]
            assert float(row[f"{name} standard error"]) == point["standard_errors"][name]
            assert [float(row[f"{name} ci {end}"]) for end in ("low", "high")] == point["ci95"][name]
            for symbol, weights in (("λ", point["coefficients"]), ("μ", point["preference"])):
                assert row[f"{symbol} {name}"] == (str(weights[name]) if weights else "")


def test_a_partial_preference_weighs_the_rest_zero() -> None:
    record = demo_record(2)
    record["points"][0]["preference"] = {"reward_b": 1.0}
    first = next(csv.DictReader(io.StringIO(delimited(record, ","))))
    assert (first["μ reward_a"], first["μ reward_b"]) == ("0.0", "1.0")


def test_limits_stand_at_the_head_and_what_breaks_them_beside_its_point() -> None:
    record = demo_record(2)
    record["limits"] = {"reward_b": 0.25}
    record["points"][0]["broken"] = ["reward_b"]
    table = points_table(record)
    assert "<th>reward_a</th><th>reward_b ≥ 0.25</th>" in table
    assert f"<td>{point_label(record['points'][0])} below the limit: reward_b</td>" in table


def test_names_are_escaped_and_dominated_rows_marked() -> None:
    record = demo_record(2)
    record["points"] = [
        {**point, "scores": {"<b>": 0.0, **point["scores"]}, "ci95": {"<b>": [0.0, 0.0], **point["ci95"]}}
        for point in record["points"]
    ]
    table = points_table(record)
    assert "&lt;b&gt;" in table and "<b>" not in table
    assert table.count("class=dominated") == 2


def test_cost_of_soup_and_morl() -> None:
    record = demo_record(2)
    table = cost_table(record)
    assert "<td>MORL, experts included</td><td>3</td><td>4,000 <small>(1.33 × soup)</small></td><td>3 μ</td>" in table
    assert "<td>soup</td><td>2</td><td>3,000</td><td>every λ (6 evaluated)</td>" in table
    assert f"{record['summary']['hypervolume_normalised']['morl']:.4g}" in table


def test_unknown_errors_and_intervals_are_empty_cells() -> None:
    record = record_of("t", ["a", "b"], [(1, 0), (0, 1)], {"a": [1, 0], "b": [0, 1]})
    for row in csv.DictReader(io.StringIO(delimited(record, ","))):
        assert [row[f"a {column}"] for column in ("standard error", "ci low", "ci high")] == ["", "", ""]


def test_unknown_cost_and_flat_box_are_dashes() -> None:
    record = demo_record(2)
    record["summary"]["training_cost"] = {"morl": 7}
    assert "<td>7</td>" in cost_table(record)
    record["summary"]["training_cost"] = {}
    record["summary"]["hypervolume_normalised"]["soup"] = None
    assert "<td>–</td><td>every λ (6 evaluated)</td><td>–</td>" in cost_table(record)
