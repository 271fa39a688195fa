from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import RewardError
from rsoup_lightning.rewards import Reward, per_row, scalarise, score
from rsoup_lightning.rollout import Rollout

MASK = torch.tensor([[True, True, False], [True, True, True]])
ROLLOUT = Rollout(torch.zeros(2, 3), MASK)


class Fixed(Reward):
    def __init__(self, values: Tensor) -> None:
        self.values = values

    def __call__(self, rollout: Rollout) -> Tensor:
        return self.values


def test_uncounted_steps_score_nothing() -> None:
    got = score({"a": Fixed(torch.full((2, 3), 2.0))}, ROLLOUT, moment="evaluation")["a"]
    assert per_row(got).tolist() == [4.0, 6.0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_not_finite_names_reward_step_and_sample(bad: float) -> None:
    with pytest.raises(RewardError, match=r"'quality' is (nan|inf) at training step 17, sample 1"):
        score({"quality": Fixed(torch.tensor([0.0, bad]))}, ROLLOUT, moment="training step 17")
    with pytest.raises(RewardError, match="sample 1, its step 2"):
        score({"q": Fixed(torch.tensor([[0.0, 0, bad], [0, 0, bad]]))}, ROLLOUT, moment="evaluation")


def test_not_finite_where_nothing_counts_is_no_error() -> None:
    values = torch.zeros(2, 3)
    values[0, 2] = float("nan")
    assert score({"a": Fixed(values)}, ROLLOUT, moment="evaluation")["a"].isfinite().all()


def test_wrong_shape() -> None:
    with pytest.raises(RewardError, match=r"'a' returned shape \(3,\)"):
        score({"a": Fixed(torch.zeros(3))}, ROLLOUT, moment="evaluation")


def test_scalarise_mixes_rows_and_steps() -> None:
    scores = {"row": torch.tensor([10.0, 20.0]), "step": torch.ones(2, 3), "off": torch.full((2,), float("inf"))}
    got = scalarise(scores, {"row": 0.5, "step": 0.5, "off": 0.0}, MASK)
    assert got.tolist() == [[0.5, 5.5, 0.5], [0.5, 0.5, 10.5]]
    assert scalarise(scores, {"row": 1.0}, MASK).tolist() == [10.0, 20.0]
