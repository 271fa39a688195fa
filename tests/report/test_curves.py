from __future__ import annotations

from typing import Any

from rsoup_lightning.report.curves import curves, curves_figure
from tests.report.demo import demo_record


def stage(epochs: int, preference: dict[str, float], level: float = 0.0, start: str | None = "init") -> dict[str, Any]:
    history = [
        {"epoch": n, "steps": 100 * (n + 1), "reward/reward_a": level + n, "reward/other": -level, "loss": 1.0}
        for n in range(epochs)
    ]
    return {
        "preference": preference,
        "steps": 100 * epochs,
        "unit": "tokens",
        "history": history,
        "sources": {start: ""} if start else {},
    }


def stages(level: float = 0.0) -> dict[str, Any]:
    return {
        "init": stage(2, {"reward_a": 0.5, "reward_b": 0.5}, level, None),
        "experts/reward_a": stage(3, {"reward_a": 1.0}, level),
        "experts/reward_b": stage(3, {"reward_b": 1.0}, level),
        "baselines/morl/0": stage(3, {"reward_a": 0.5, "reward_b": 0.5}, level),
        "baselines/morl/1": stage(3, {"reward_a": 0.1, "reward_b": 0.9}, level),
    }


def test_experts_go_on_where_init_ends() -> None:
    init, expert, *_ = curves(demo_record(2), [stages()])
    assert init.steps == [100, 200]
    assert expert.steps == [300, 400, 500]
    assert expert.values == {"reward_a": [0, 1, 2], "other": [0, 0, 0]}


def test_a_later_round_goes_on_where_its_start_was_made() -> None:
    told = stages() | {
        "rounds/0/start": {"sources": {"experts/reward_a": "", "experts/reward_b": ""}, "lost": 0.0, "seconds": 1.0},
        "last": stage(1, {"reward_a": 1.0}, start="rounds/0/start"),
    }
    assert curves(demo_record(2), [told])[-1].steps == [200 + 300 + 100]


def test_a_stage_of_a_method_is_called_what_it_is() -> None:
    (init, together) = curves(demo_record(2), [{"init": stages()["init"], "together": stage(1, {"reward_a": 0.5})}])
    assert (together.group, together.label, together.dotted) == ("together", "together (μ: reward_a 0.5)", False)
    assert together.color != init.color and together.steps == [300]


def test_a_panel_per_reward_holds_every_stage_of_every_seed() -> None:
    figure = curves_figure(demo_record(2), [stages(0.0), stages(5.0)])
    assert figure is not None
    panels: dict[str, list[Any]] = {}
    for trace in figure.data:
        panels.setdefault(trace.xaxis, []).append(trace)
    titles = [figure.layout[f"yaxis{number}"].title.text for number in ("", 2, 3)]
    assert titles == ["reward_a", "reward_b", "other"]
    assert [len(panel) for panel in panels.values()] == [10, 10, 10]
    assert {panel[5].y[0] for panel in panels.values() if panel[5].y} == {5.0, -5.0}
    legend = [trace.name for trace in figure.data if trace.showlegend]
    assert legend == ["init", "expert reward_a", "expert reward_b", "MORL (μ)"]
    assert figure.layout.xaxis.title.text == "tokens of training, with init's"
    assert len({trace.line.color for trace in figure.data}) == 4


def test_a_guard_is_drawn_as_it_was_measured_with_its_limit_and_multiplier() -> None:
    told = stages()
    for entry in told["experts/reward_a"]["history"]:
        entry |= {"guard/other": 7.0, "multiplier/other": 0.5}
    told["experts/reward_a"]["limits"] = {"other": 6.5}
    _, expert, *_ = curves(demo_record(2), [told])
    assert expert.values == {"reward_a": [0, 1, 2], "other": [7.0] * 3, "multiplier of other": [0.5] * 3}
    figure = curves_figure(demo_record(2), [told])
    assert figure is not None
    (line,) = figure.layout.shapes
    assert line.y0 == line.y1 == 6.5
    assert figure.layout[f"yaxis{line.yref[1:]}"].title.text == "other"
    assert figure.layout.yaxis4.title.text == "multiplier of other"


def test_a_run_without_histories_says_nothing() -> None:
    told = stages()
    for entry in told.values():
        entry["history"] = []
    assert curves_figure(demo_record(2), [told]) is None
    assert curves_figure(demo_record(2), []) is None
