from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import Delaunay

from rsoup_lightning.methods import Anchors
from rsoup_lightning.methods.morl import matrix
from rsoup_lightning.simplex import grid


def test_between_two_anchors_they_are_weighed_by_nearness() -> None:
    method = Anchors([{"a": 1.0}, {"a": 0.4, "b": 0.6}, {"b": 1.0}])
    served = [method.coefficients((share, 1 - share), ["a", "b"]) for share in (1.0, 0.7, 0.4, 0.1, 0.0)]
    np.testing.assert_allclose(served, [(1, 0, 0), (0.5, 0.5, 0), (0, 1, 0), (0, 0.25, 0.75), (0, 0, 1)], atol=1e-9)
    assert "-" not in str(served)  # as in -0.0


def test_a_preference_beyond_all_anchors_gets_the_nearest_one() -> None:
    method = Anchors([{"a": 0.2, "b": 0.8}, {"a": 0.8, "b": 0.2}])
    np.testing.assert_allclose(method.coefficients((1.0, 0.0), ["a", "b"]), (0, 1), atol=1e-9)
    np.testing.assert_allclose(method.coefficients((0.5, 0.5), ["a", "b"]), (0.5, 0.5), atol=1e-9)


def test_among_three_rewards_neighbours_are_those_of_delaunay() -> None:
    names, generator = ["a", "b", "c"], np.random.default_rng(0)
    inner = generator.dirichlet((2, 2, 2), 5).round(3)
    inner[:, 2] = 1 - inner[:, 0] - inner[:, 1]
    method = Anchors([dict(zip(names, point, strict=True)) for point in [*np.eye(3).tolist(), *inner.tolist()]])
    trained = matrix(method.experts(names))
    plane = np.array([[1, -1, 0], [1, 1, -2]]).T / np.sqrt([2, 6])  # of the simplex, where distances are as in space
    triangles = Delaunay(trained @ plane)
    for wanted in generator.dirichlet((1, 1, 1), 20):
        found = np.array(method.coefficients(wanted.tolist(), names))
        np.testing.assert_allclose(found @ trained, wanted, atol=1e-6)
        triangle = triangles.simplices[triangles.find_simplex(wanted @ plane)]
        assert {*np.flatnonzero(found > 1e-6)} <= {*triangle.tolist()}


@pytest.mark.parametrize("steps", [2, 4])
def test_a_grid_of_anchors_is_evaluated_with_what_lies_between(steps: int) -> None:
    lattice = Anchors(steps).lattice(["a", "b"], grid(2, 7))
    assert len(lattice) == 7 and np.allclose(np.sum(lattice, 1), 1)
