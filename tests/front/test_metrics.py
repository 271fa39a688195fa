from __future__ import annotations

import pytest
import torch

from rsoup_lightning.front import geometry, metrics

POINTS = torch.tensor([[0.0, 3.0], [1.0, 2.5], [3.0, 0.0], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.FrontMetric(geometry.hypervolume, [0, 0]), geometry.hypervolume(POINTS, [0, 0])),
        (metrics.FrontMetric(geometry.expected_utility, [[1, 0], [0, 1]]), 3.0),
        (metrics.FrontMetric(geometry.sparsity), geometry.sparsity(POINTS)),
    ],
)
def test_points_are_collected_for_a_function(metric: metrics.FrontMetric, expected: float) -> None:
    metric.update(POINTS[:2])
    metric.update(POINTS[2])
    metric.update(POINTS[3])
    assert metric.compute().item() == pytest.approx(expected)
    metric.reset()
    metric.update(POINTS)
    assert metric.compute().item() == pytest.approx(expected)


def test_lmc_share() -> None:
    metric = metrics.LinearModeConnectivity([[1.0, 0.0], [0.0, 1.0]])
    metric.update(torch.tensor([[0.5, 0.5], [0.25, 0.75]]), torch.tensor([[0.6, 0.6], [0.2, 0.9]]))
    assert metric.compute().item() == 0.5


def test_sample_scores_are_ordered_and_counted_once() -> None:
    metric = metrics.CompletionScores()
    metric.update(torch.tensor([5, 3]), torch.tensor([50.0, 30.0]))
    metric.update(torch.tensor([4, 5]), torch.tensor([40.0, 50.0]))
    assert metric.gathered().tolist() == [30.0, 40.0, 50.0]
    assert metric.compute().item() == 40.0
