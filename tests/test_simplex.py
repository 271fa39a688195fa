from __future__ import annotations

from math import comb, inf, nan

import pytest

from rsoup_lightning.errors import CoefficientError, UnknownNameError
from rsoup_lightning.simplex import check_coefficients, check_preference, grid


def test_two_experts_give_the_papers_sweep() -> None:
    assert [round(point[0], 9) for point in grid(2, 11)] == [round(i / 10, 9) for i in range(11)]


@pytest.mark.parametrize(("experts", "steps"), [(2, 5), (3, 6), (4, 4)])
def test_lattice_is_complete_and_on_the_simplex(experts: int, steps: int) -> None:
    points = grid(experts, steps)
    assert len(set(points)) == len(points) == comb(steps + experts - 2, experts - 1)
    for point in points:
        check_coefficients(point, experts)


def test_other_kinds() -> None:
    assert grid(3, 9, "one_hot") == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    assert grid(3, 9, "uniform")[-1] == pytest.approx((1 / 3,) * 3)
    edges = grid(3, 5, "pairs")
    assert all(min(point) == 0 for point in edges[:-1])
    assert edges[-1] == pytest.approx((1 / 3,) * 3)
    assert grid(1, 2) == [(1.0,)]


@pytest.mark.parametrize(
    ("coefficients", "reason"),
    [
        ((0.5, 0.6), "sum"),
        ((1.5, -0.5), "negative"),
        ((1.0,), "one per expert"),
        ((nan, 1), "finite"),
        ((inf, 1), "finite"),
    ],
)
def test_off_the_simplex(coefficients: tuple[float, ...], reason: str) -> None:
    with pytest.raises(CoefficientError, match=reason):
        check_coefficients(coefficients, 2)


def test_extrapolation_is_allowed_on_request() -> None:
    with pytest.raises(CoefficientError, match=r"ask to extrapolate if you mean it \(--extrapolate\)$"):
        check_coefficients((1.5, -0.5), 2, extrapolate=False)
    assert check_coefficients((1.5, -0.2), 2, extrapolate=True) == (1.5, -0.2)


def test_bad_grids() -> None:
    with pytest.raises(CoefficientError, match="at least 2 values"):
        grid(2, 1)
    with pytest.raises(CoefficientError, match="at least one expert"):
        grid(0, 3)
    with pytest.raises(CoefficientError, match="unknown grid kind"):
        grid(2, 3, "spiral")  # type: ignore[arg-type]


def test_preference() -> None:
    assert check_preference({"b": 1}, ["a", "b"]) == {"a": 0.0, "b": 1.0}
    with pytest.raises(UnknownNameError, match="did you mean 'risky'"):
        check_preference({"riski": 1}, ["risky", "cautious"])
    for bad, fault in (
        ({"a": 0.5}, "sum to 1 and not to 0.5"),
        ({"a": nan, "b": 1}, "finite"),
        ({"a": -1, "b": 2}, "neg"),
        ({"a": "much", "b": None}, "be numbers, got {'a': 'much'"),
        (0.5, "be a mapping, each reward to its weight, not 0.5"),
    ):
        with pytest.raises(CoefficientError, match=f"the weights of a preference must.*{fault}"):
            check_preference(bad, ["a", "b"])  # type: ignore[arg-type]
