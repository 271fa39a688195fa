"""Policies that train a part of a model: their weights, what that part was built as, and where it began."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rsoup_lightning.modalities.partly_trained import PartlyTrainedPolicy, with_values
from rsoup_lightning.policy import PolicyOutput
from rsoup_lightning.rollout import Rollout

ROLLOUT = Rollout(torch.zeros(2, 1), torch.ones(2, 1, dtype=torch.bool), context={"x": torch.tensor([[1.0], [2.0]])})


class Sum(PartlyTrainedPolicy):
    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Parameter(torch.tensor(1.0), requires_grad=False)
        self.place = nn.Parameter(torch.tensor(2.0))
        self.remember()

    def forward(self, rollout: Rollout) -> PolicyOutput:
        return PolicyOutput(rollout["x"].to(self.place) + self.place + self.frozen)


def moved(policy: Sum, to: float) -> Sum:
    with torch.no_grad():
        policy.place.fill_(to)
    return policy


def reference(policy: Sum) -> Tensor:
    return policy.reference_log_probs(ROLLOUT).flatten()


def test_only_what_is_trained_is_an_expert() -> None:
    assert set(Sum().weights()) == {"place"}


def test_the_reference_is_where_it_began() -> None:
    policy = moved(Sum(), 5.0)
    assert reference(policy).tolist() == [4.0, 5.0] and policy.place.item() == 5.0
    policy.start_from({"place": torch.tensor(7.0)})
    assert reference(moved(policy, 0.0)).tolist() == [9.0, 10.0]


def base(policy: Sum) -> Tensor:
    return policy.base_log_probs(ROLLOUT).flatten()


def test_the_base_is_what_was_built_wherever_training_begins() -> None:
    policy = Sum()
    policy.start_from({"place": torch.tensor(7.0)})
    moved(policy, 5.0).freeze_reference()
    assert base(moved(policy, 0.0)).tolist() == [4.0, 5.0] and policy.place.item() == 0.0
    assert reference(policy).tolist() == [7.0, 8.0]


def test_one_pass_serves_base_and_reference_where_they_are_equal() -> None:
    policy, seen = moved(Sum(), 5.0), torch.full((2, 1), 3.0)
    scored = ROLLOUT.with_signals(base_log_probs=seen)
    assert policy.reference_log_probs(scored) is seen
    moved(policy, 2.0).freeze_reference()  # at what it was built with, again
    assert policy.reference_log_probs(scored) is seen
    moved(policy, 5.0).freeze_reference()
    assert policy.reference_log_probs(scored).flatten().tolist() == [7.0, 8.0]


def test_a_reference_that_moves_leaves_the_base() -> None:
    policy = Sum()
    policy.reference_weights()["place"].copy_(torch.tensor(9.0))
    assert base(policy).tolist() == [4.0, 5.0] and reference(policy).tolist() == [11.0, 12.0]


def test_the_reference_follows_the_policy_to_its_type() -> None:
    policy = moved(Sum(), 5.0).double()
    assert reference(policy).dtype == base(policy).dtype == torch.float64
    assert reference(policy).tolist() == base(policy).tolist() == [4.0, 5.0]


def test_values_come_back_whatever_happens() -> None:
    policy = Sum()
    try:
        with with_values(dict(policy.named_parameters()), {"place": torch.tensor(9.0)}):
            assert policy.place.item() == 9.0
            raise KeyError
    except KeyError:
        assert policy.place.item() == 2.0


def test_values_count_under_mixed_precision_too() -> None:
    layer = nn.Linear(2, 1, bias=False)
    ones, parameters = torch.ones(1, 2), dict(layer.named_parameters())
    nn.init.constant_(layer.weight, 1.0)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        seen = [layer(ones).item()]
        with with_values(parameters, {"weight": torch.full((1, 2), 5.0)}):
            seen.append(layer(ones).item())
        seen.append(layer(ones).item())
    assert seen == [2.0, 10.0, 2.0]
