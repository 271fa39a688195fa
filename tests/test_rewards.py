from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import RewardError, UnknownNameError
from rsoup_lightning.rewards import (
    Reward,
    check_normalisation,
    objectives,
    per_row,
    scalarise,
    score,
    standardise,
)
from rsoup_lightning.rollout import Rollout
from tests.conftest import Near

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
def test_not_finite_names_reward_step_and_completion(bad: float) -> None:
    with pytest.raises(RewardError, match=r"'quality' is (nan|inf) at training step 17, completion 1"):
        score({"quality": Fixed(torch.tensor([0.0, bad]))}, ROLLOUT, moment="training step 17")
    with pytest.raises(RewardError, match="completion 1, its step 2"):
        score({"q": Fixed(torch.tensor([[0.0, 0, bad], [0, 0, bad]]))}, ROLLOUT, moment="evaluation")


def test_not_finite_where_nothing_counts_is_no_error() -> None:
    values = torch.zeros(2, 3)
    values[0, 2] = float("nan")
    assert score({"a": Fixed(values)}, ROLLOUT, moment="evaluation")["a"].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int64, torch.bool])
def test_rewards_that_are_no_float32_are_brought_to_it(dtype: torch.dtype) -> None:
    got = score({"a": Fixed(torch.tensor([1, 0]).to(dtype))}, ROLLOUT, moment="evaluation")["a"]
    assert got.dtype == torch.float32 and got.tolist() == [1, 0]


def test_wrong_shape() -> None:
    with pytest.raises(RewardError, match=r"'a' returned shape \(3,\)"):
        score({"a": Fixed(torch.zeros(3))}, ROLLOUT, moment="evaluation")


def test_scalarise_mixes_rows_and_steps() -> None:
    scores = {"row": torch.tensor([10.0, 20.0]), "step": torch.ones(2, 3), "off": torch.full((2,), float("inf"))}
    got = scalarise(scores, {"row": 0.5, "step": 0.5, "off": 0.0}, MASK)
    assert got.tolist() == [[0.5, 5.5, 0.5], [0.5, 0.5, 10.5]]
    assert scalarise(scores, {"row": 1.0}, MASK).tolist() == [10.0, 20.0]


def test_normalised_rewards_have_mean_0_and_deviation_1() -> None:
    rows, steps = torch.tensor([1.0, 3.0, 5.0]), torch.ones(3, 2)
    scaled = standardise({"row": rows, "step": steps, "other": rows}, {"row": (3.0, 2.0), "step": (9.0, 4.0)})
    assert scaled["row"].tolist() == [-1.0, 0.0, 1.0]
    assert torch.equal(scaled["step"], steps / 4)  # a mean is that of a row, not of a step
    assert scaled["other"] is rows


def test_normalisation_of_what_has_no_scale() -> None:
    with pytest.raises(RewardError, match="standard deviation must be positive"):
        check_normalisation({"east": (0.0, 0.0)}, {"east": Near(1, 0)})
    with pytest.raises(UnknownNameError, match="did you mean 'east'"):
        check_normalisation({"eats": (0.0, 1.0)}, {"east": Near(1, 0)})


def test_guards_are_no_objectives() -> None:
    class Watched(Near):
        guard = True

    assert objectives({"east": Near(1, 0), "watched": Watched(0, 1)}) == ["east"]
