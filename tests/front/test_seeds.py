from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from rsoup_lightning.front.record import check_record
from rsoup_lightning.front.results import Point, front_record
from rsoup_lightning.front.seeds import combine_seeds


def _front(seed: int, *, flat: bool = False) -> dict:
    """Two experts, their soup and init, with scores of their own under each seed of training."""
    rng = np.random.default_rng(seed)
    points = []
    for kind, weight in (("expert", 0.0), ("soup", 0.5), ("expert", 1.0), ("init", None)):
        place = -0.5 if weight is None else weight
        means = {"risky": 1 - (1 - place) ** 2, "cautious": 0.0 if flat and weight in (0, 1) else 1 - place**2}
        scores = {name: mean + rng.normal(0, 0.1) + rng.normal(0, 0.01, 20) for name, mean in means.items()}
        if flat and weight in (0, 1):
            scores["cautious"] = np.zeros(20)
        coefficients = None if weight is None else {"risky": weight, "cautious": 1 - weight}
        points.append(Point(kind, coefficients, None, scores))  # type: ignore[arg-type]
    cost = {"soup": 30, "morl": 0}
    return front_record("t", ["risky", "cautious"], points, reference_point=None, training_cost=cost)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_errors_and_intervals_are_students_over_seeds(seeds: int) -> None:
    fronts = [_front(seed) for seed in range(seeds)]
    combined = check_record(json.loads(json.dumps(combine_seeds(fronts))))
    assert combined["degrees_of_freedom"] == seeds - 1
    for index, point in enumerate(combined["points"]):
        for name in ("risky", "cautious"):
            values = [front["points"][index]["scores"][name] for front in fronts]
            error = stats.sem(values)
            assert point["per_seed"][name] == values
            assert point["scores"][name] == pytest.approx(np.mean(values))
            assert point["standard_errors"][name] == pytest.approx(error)
            expected = stats.t.interval(0.95, seeds - 1, loc=np.mean(values), scale=error)
            assert point["ci95"][name] == pytest.approx(expected)
    volumes = [front["summary"]["hypervolume_normalised"]["soup"] for front in fronts]
    summary = combined["summary"]
    assert summary["hypervolume_normalised"]["soup"] == pytest.approx(np.mean(volumes))
    assert summary["hypervolume_normalised_standard_errors"]["soup"] == pytest.approx(stats.sem(volumes))
    expected = stats.t.interval(0.95, seeds - 1, loc=np.mean(volumes), scale=stats.sem(volumes))
    assert summary["hypervolume_normalised_ci95"]["soup"] == pytest.approx(expected)
    assert summary["training_cost"] == {"soup": 30 * seeds, "morl": 0}
    assert summary["per_seed"] == [front["summary"] for front in fronts]
    assert summary["lmc"].keys() == {"holds", "of", "worst_gap"}


def test_a_seed_without_a_hypervolume_leaves_no_interval() -> None:
    summary = combine_seeds([_front(0), _front(1, flat=True)])["summary"]
    assert summary["hypervolume_normalised"]["soup"] is not None  # that of the mean front
    assert summary["hypervolume_normalised_ci95"] == {"soup": None}
    assert summary["hypervolume_normalised_standard_errors"] == {"soup": None}
