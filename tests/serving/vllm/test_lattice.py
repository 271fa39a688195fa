from __future__ import annotations

import random
from itertools import pairwise

import pytest

from rsoup_lightning.serving.vllm.lattice import on_lattice
from rsoup_lightning.simplex import check_coefficients, simplex


def test_points_of_the_lattice_stay() -> None:
    for experts, steps in ((2, 20), (2, 100), (3, 7), (4, 3)):
        for point in simplex(experts, steps + 1):
            assert on_lattice(point, steps) == point


@pytest.mark.parametrize("experts", [1, 2, 3, 5])
@pytest.mark.parametrize("steps", [1, 7, 20, 1000])
def test_others_move_by_less_than_a_step(experts: int, steps: int) -> None:
    chance = random.Random(experts)
    for _ in range(50):
        cuts = [0.0, *sorted(chance.random() for _ in range(experts - 1)), 1.0]
        point = [high - low for low, high in pairwise(cuts)]
        rounded = check_coefficients(on_lattice(point, steps), experts)
        assert sum(round(weight * steps) for weight in rounded) == steps
        assert all(abs(here - there) < 1 / steps + 1e-9 for here, there in zip(point, rounded, strict=True))
        assert on_lattice(rounded, steps) == rounded


def test_what_adds_up_only_nearly_does_so_afterwards() -> None:
    assert on_lattice([0.4999996, 0.4999996], 1000) == (0.5, 0.5)
    assert on_lattice([0.5000004, 0.5000004], 1000) == (0.5, 0.5)
