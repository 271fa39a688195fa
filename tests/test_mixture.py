"""Rows at their λ: in one batch where the experts can share one, else those at one λ after those at another."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rsoup_lightning.errors import CoefficientError
from rsoup_lightning.mixture import Rows
from rsoup_lightning.policy import Policy
from rsoup_lightning.simplex import Coefficients
from tests.conftest import PointPolicy

POINTS = [(1.0, 0.0), (0.0, 1.0), (1.0, 0.0)]


class Listed:
    """Tells which λ its policies were made of."""

    experts = ("east", "north")

    def __init__(self, side_by_side: bool) -> None:
        self.side_by_side = side_by_side
        self.made: list[list[Coefficients]] = []

    def mixed(self, points: Sequence[Coefficients]) -> Policy:
        self.made.append(list(points))
        return PointPolicy()


def numbers(policy: Policy, rows: list[int]) -> list[int]:
    return rows


def test_experts_that_share_a_batch() -> None:
    mixture = Listed(True)
    assert Rows(mixture, POINTS)(3, numbers) == [0, 1, 2]
    assert Rows(mixture, POINTS[:1], each=False)(4, numbers) == [0, 1, 2, 3]
    assert mixture.made == [POINTS, POINTS[:1]]


def test_experts_that_do_not() -> None:
    mixture, played = Listed(False), list[list[int]]()
    assert Rows(mixture, POINTS)(3, lambda _, rows: played.append(rows) or rows) == [0, 1, 2]
    assert mixture.made == [[(1.0, 0.0)], [(0.0, 1.0)]] and played == [[0, 2], [1]]


def test_rows_are_shown_by_their_lambda() -> None:
    mixture = Listed(True)
    assert str(Rows(mixture, [(0.7, 0.3)], each=False)) == "east 0.7, north 0.3"
    assert str(Rows(mixture, POINTS)) == "east 1; north 1; east 1"
    assert str(Rows(mixture, [(1.0, 0.0)] * 9)) == "east 1; east 1; east 1; ... (9 rows)"


@pytest.mark.parametrize("side_by_side", [True, False])
def test_how_many_rows(side_by_side: bool) -> None:
    mixture = Listed(side_by_side)
    assert Rows(mixture, [])(0, numbers) == Rows(mixture, POINTS[:1], each=False)(0, numbers) == []
    with pytest.raises(CoefficientError, match="3 λ for 4 rows: give one for each"):
        Rows(mixture, POINTS)(4, numbers)
    assert Rows(mixture, POINTS[:1], each=False).points(2) == POINTS[:1] * 2


def test_a_mix_that_shares_a_batch_is_made_once_however_often_it_plays() -> None:
    mixture = Listed(True)
    rows = Rows(mixture, POINTS[:1], each=False)
    for count in (1, 1, 3):
        rows(count, numbers)
    assert mixture.made == [POINTS[:1]]
