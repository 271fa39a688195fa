"""Experts in turn: whose weights the policy has when, and what is made of their answers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import CoefficientError, MergeError
from rsoup_lightning.modalities.ensemble import Ensemble, as_points
from tests.modalities.test_partly_trained import Sum

EXPERTS = [{"place": torch.tensor(10.0)}, {"place": torch.tensor(100.0)}]
ROWS = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])


def pooled(points: Tensor) -> Tensor:
    """Of experts that answer with a multiple of the rows."""
    policy = Sum()
    return Ensemble(policy, EXPERTS).pooled(lambda _: policy.place * ROWS, points).detach()


def test_each_group_of_rows_weighs_the_answers_by_its_own_coefficients() -> None:
    factors = torch.tensor([[10.0], [10.0], [77.5], [77.5]])
    assert torch.equal(pooled(torch.tensor([[1.0, 0.0], [0.25, 0.75]])), factors * ROWS)


def test_coefficients_may_be_negative() -> None:
    assert torch.equal(pooled(as_points([[-0.5, 1.5]], 2)), 145 * ROWS)


def test_rows_that_are_no_multiple_of_the_points() -> None:
    with pytest.raises(CoefficientError, match="4 rows"):
        pooled(torch.full((3, 2), 0.5))


def test_the_policy_is_itself_between_turns_whatever_happens() -> None:
    policy = Sum()
    ensemble = Ensemble(policy, EXPERTS)
    with pytest.raises(KeyError), ensemble.turn(1):
        assert policy.place.item() == 100
        raise KeyError
    assert policy.place.item() == 2


def test_experts_that_do_not_fit() -> None:
    with pytest.raises(MergeError, match="'place' has shape"):
        Ensemble(Sum(), [{"place": torch.ones(2)}, {"place": torch.ones(2)}])
    with pytest.raises(MergeError, match="expert 1 lacks the tensor 'place'"):
        Ensemble(Sum(), [EXPERTS[0], {}])


def test_points_need_a_finite_number_for_each_expert() -> None:
    with pytest.raises(CoefficientError, match="1 coefficients for 2 experts"):
        as_points([[1.0]], 2)
    with pytest.raises(CoefficientError, match="must be finite"):
        as_points([[float("nan"), 1.0]], 2)
