from __future__ import annotations

import pytest

from rsoup_lightning.front.results import record_of
from rsoup_lightning.report import view
from tests.report.demo import demo_record


def test_every_point_is_in_one_group_that_looks_like_it() -> None:
    record = demo_record(2)
    groups = view.groups(record)
    shown = {index: group.mark for group in groups for index in group.points}
    assert sorted(shown) == list(range(len(record["points"]))) and sum(len(g.points) for g in groups) == len(shown)
    hollow = [record["points"][index]["coefficients"] for index, mark in shown.items() if mark.hollow]
    assert hollow == [{"reward_a": 1.2, "reward_b": -0.2}]
    kinds = {record["points"][index]["kind"] for index, mark in shown.items() if mark.faded}
    assert kinds == {"soup", "init"}  # MORL lies beyond the soup of equal weights, everything beyond init


def test_legend_explains_what_is_there_and_nothing_else() -> None:
    record = demo_record(2)
    labels = ["soup (λ)", "expert", "init", "MORL (μ)", "λ outside [0, 1]", "dominated"]
    assert [mark.label for mark in view.legend(record)] == labels
    record["points"] = list(view.of_kind(record, "expert").values())
    assert [mark.label for mark in view.legend(record)] == ["expert"]


def test_two_experts_have_a_line_and_a_chord() -> None:
    sweep, chord = view.lines(demo_record(2))
    assert [point["coefficients"]["reward_a"] for point in sweep.points] == [0, 0.25, 0.5, 0.75, 1, 1.2]
    assert [point["kind"] for point in chord.points] == ["expert"] * 2
    assert view.lines(demo_record(3)) == []


def test_outlines_stand_in_the_experts_box() -> None:
    outlines = view.outlines(demo_record(4))
    labels = [f"expert reward_{letter}" for letter in "abcd"] + ["soup (λ: 0.25, 0.25, 0.25, 0.25)"]
    assert [outline.label for outline in outlines[:5]] == labels
    for number, outline in enumerate(outlines[:4]):
        assert outline.values[number] == pytest.approx(1, abs=1e-9)
        assert max(value for other, value in enumerate(outline.values) if other != number) < 0.1
    assert outlines[5].dotted
    low, high = view.spider_range(outlines)
    assert all(low < value <= high for outline in outlines for value in outline.values)


def test_no_spider_for_two_rewards_or_a_flat_box() -> None:
    assert view.outlines(demo_record(2)) == []
    flat = demo_record(3)
    for point in flat["points"]:
        point["scores"]["reward_c"] = 1.0
    assert view.outlines(flat) == []


def test_unknown_intervals_have_no_bars() -> None:
    assert view.spread([{"scores": {"a": 1.0}, "ci95": {"a": None}}], "a") == ([0.0], [0.0])
    assert view.spread([{"scores": {"a": 1.0}, "ci95": {"a": [0.5, 3.0]}}], "a") == ([0.5], [2.0])


def test_what_has_collapsed_or_breaks_a_limit_is_said() -> None:
    record = demo_record(2)
    assert not any("collapsed" in part for part in view.headline(record))
    first, *_ = view.of_kind(record, "expert").values()
    first["collapsed"] = ["realism", "spread"]
    assert view.headline(record)[-1] == "expert reward_b collapsed: realism, spread"
    first["collapsed"], first["broken"] = [], ["fluency"]
    assert view.headline(record)[-1] == "expert reward_b below the limit: fluency"
    first["broken"] = []
    assert view.faults(first) == ""


def test_experts_that_trade_nothing_are_told_from_a_perfect_front() -> None:
    places = [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)]
    agreeing = record_of("t", ["kind", "brief"], places, {"kind": [1, 1, 2], "brief": [3, 3, 4]})
    assert agreeing["summary"]["hypervolume_normalised"]["soup"] == 1
    (said,) = view.cautions(agreeing)
    assert said.startswith("expert kind is at no reward better than expert brief")
    assert view.headline(agreeing)[-1] == said
    for brief in ([3, 3, 2], [4, 4, 4]):  # each is better at one; the two are alike at one
        found = view.cautions(record_of("t", ["kind", "brief"], places, {"kind": [1, 1, 2], "brief": brief}))
        assert len(found) == (brief[0] == brief[-1])
