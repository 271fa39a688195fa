from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.policy import Policy, PolicyOutput
from rsoup_lightning.rollout import Rollout
from tests.conftest import PointPolicy

ROLLOUT = Rollout(torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool), {"actions": torch.ones(2, 3, 2)})


class WithCritic(Policy):
    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(4.0))

    def forward(self, rollout: Rollout) -> PolicyOutput:
        zeros: Tensor = torch.zeros(rollout.mask.shape)
        return PolicyOutput(zeros, values=zeros + self.level)


def test_the_value_after_a_row_that_ends_by_itself_is_zero() -> None:
    values = WithCritic().values(ROLLOUT)
    assert values.tolist() == [[4.0, 4.0, 4.0, 0.0]] * 2
    assert not values.requires_grad


def test_no_critic() -> None:
    with pytest.raises(ConfigError, match="PointPolicy has no critic"):
        PointPolicy().values(ROLLOUT)


def test_loading_is_in_place() -> None:
    policy = PointPolicy()
    place = policy.place
    policy.load_weights({"place": torch.tensor([1.0, 2.0])})
    assert policy.place is place
    assert place.tolist() == [1.0, 2.0]


def test_reference_stays_and_moves_along() -> None:
    policy = PointPolicy()
    before = policy(ROLLOUT).log_probs.detach()
    policy.freeze_reference()
    policy.load_weights({"place": torch.ones(2)})
    torch.testing.assert_close(policy.reference_log_probs(ROLLOUT), before)
    assert [name for name, _ in policy.named_parameters()] == ["place"]
    policy.to(torch.float64)
    assert policy._reference[0].place.dtype == torch.float64


def test_most_policies_play_one_lambda_at_a_time_and_by_their_weights() -> None:
    assert PointPolicy().soups([]) is None and PointPolicy().ensembles([]) is None
