from __future__ import annotations

import numpy as np
import pytest
from plotly.graph_objects import Figure

from rsoup_lightning.comparing.figures import aggregate_figure, attained, cost_figure, front_figure
from rsoup_lightning.comparing.record import Bench, CellResult
from rsoup_lightning.comparing.suite import Suite, SuiteMethod, SuiteTask
from rsoup_lightning.front.geometry import normalised_hypervolume
from tests.comparing.suites import made_up


def drawn(rewards: int, methods: int = 2, seeds: int = 3) -> Bench:
    """A suite of one task, whose points are drawn by chance, some of them below the box."""
    box = {f"reward{index}": (-1.0, 1.0 + index) for index in range(rewards)}
    suite = Suite(
        {"task": SuiteTask("r.yaml", box)},
        {f"method{index}": SuiteMethod() for index in range(methods)},
        [*range(seeds)],
    )
    generator, corners, cells = np.random.default_rng(0), [*zip(*box.values(), strict=True)], []
    for method in suite.methods:
        for seed in suite.seeds:
            points = generator.normal(size=(5, rewards))
            named = [dict(zip(box, point, strict=True)) for point in points.tolist()]
            volume = normalised_hypervolume(points, corners)
            cells.append(CellResult("task", method, seed, volume, named, 1, 100, "steps", 1.0, 1.0, 1.0, None))
    return Bench.of("drawn", suite, cells)


def lines(figure: Figure, method: str) -> list[np.ndarray]:
    """The worst, best and mean front of a method in the first panel, each ``[2, X]``."""
    traces = [trace for trace in figure.data if trace.legendgroup == method and trace.mode == "lines"][:3]
    assert all(trace.line.shape == "vh" for trace in traces)
    return [np.array([trace.x, trace.y], float) for trace in traces]


def test_the_area_under_the_line_of_a_method_is_its_mean_hypervolume() -> None:
    bench = drawn(rewards=2)
    for method in bench.costs:
        worst, best, mean = lines(front_figure(bench, "task"), method)
        area = (np.diff(mean[0]) * (mean[1][1:] + 1)).sum() / 2 / 3  # above (-1, -1), in a box of 2 × 3
        assert area == pytest.approx(bench.summary.hypervolume["task"][method].value)
        assert (worst[1] <= mean[1]).all() and (mean[1] <= best[1]).all() and (worst[1] < best[1]).any()


def test_a_front_of_three_rewards_has_a_panel_for_every_two() -> None:
    figure = front_figure(drawn(rewards=3), "task")
    assert len({trace.xaxis for trace in figure.data}) == 3
    assert {trace.name for trace in figure.data if trace.showlegend} == {"method0", "method1"}


def test_what_lies_below_the_floor_attains_nothing() -> None:
    assert attained([[1.0, -5.0], [0.0, 2.0]], [0.0, 0.5, 2.0], floor=-1.0).tolist() == [2.0, -1.0, -1.0]


def test_costs_and_scores_stand_at_their_estimates() -> None:
    bench = made_up({"soup": [[0.5, 0.1], [0.7, 0.1]], "other": [[0.9, 0.3], [0.9, 0.3]]})
    soup, *_ = cost_figure(bench).data
    assert (*soup.x, *soup.y) == (1010, pytest.approx(0.6))
    means, chances = aggregate_figure(bench).data
    assert dict(zip(means.y, means.x, strict=True))["other"] == pytest.approx(0.6)
    assert (chances.y, chances.x) == (("other",), (1.0,))
    assert len({trace.xaxis for trace in cost_figure(bench).data}) == 2


def test_a_single_reward_and_a_single_seed_are_drawn_too() -> None:
    bench = drawn(rewards=1, seeds=1)
    assert front_figure(bench, "task").data and cost_figure(bench).data and aggregate_figure(bench).data
