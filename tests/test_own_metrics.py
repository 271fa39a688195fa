from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from rsoup_lightning.errors import RewardError
from rsoup_lightning.own_metrics import OwnScores, check_own_metrics


class Distinct(Metric):
    """How many different outputs there are: a number of all of them, and of none alone."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def update(self, prompts: list[str], outputs: list[str]) -> None:
        self.seen |= set(outputs)

    def compute(self) -> Tensor:
        return torch.tensor(float(len(self.seen)))


def lengths(prompts: list[str], outputs: list[str]) -> list[int]:
    return [len(output) - len(prompt) for prompt, output in zip(prompts, outputs, strict=True)]


def test_a_function_has_a_number_per_completion_in_the_order_of_entries() -> None:
    scores = OwnScores("lengths", lengths)
    scores.update(torch.tensor([2, 0]), ["a", "b"], ["aaa", "b"])
    scores.update(torch.tensor([1]), [""], ["abcd"])
    assert scores.gathered().tolist() == [0, 4, 2]


def test_a_metric_has_one_number_and_those_of_several_policies_do_not_mix() -> None:
    metric = Distinct()
    one, two = OwnScores("distinct", metric), OwnScores("distinct", metric)
    one.update(torch.tensor([0, 1]), ["", ""], ["x", "y"])
    one.update(torch.tensor([2]), [""], ["x"])
    two.update(torch.tensor([0, 1]), ["", ""], ["x", "x"])
    assert (one.gathered().tolist(), two.gathered().tolist()) == ([2], [1])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1.0], "for 2 outputs: give a number for each"),
        ([1.0, float("nan")], "for 2 outputs: give a number for each"),
        (["long", "short"], "give a number per output"),
        (None, "give a number per output"),
    ],
)
def test_what_is_no_number_for_each_is_refused(given: Any, message: str) -> None:
    with pytest.raises(RewardError, match=f"the metric 'mine' gave .*{message}"):
        OwnScores("mine", lambda prompts, outputs: given).update(torch.tensor([0, 1]), ["", ""], ["", ""])


def test_names_and_kinds_are_checked() -> None:
    check_own_metrics({"distinct": Distinct(), "lengths": lengths}, ["east"])
    with pytest.raises(RewardError, match="'east' has the name of a reward"):
        check_own_metrics({"east": lengths}, ["east"])
    with pytest.raises(RewardError, match="'mine' is 3, neither a function nor a torchmetrics Metric"):
        check_own_metrics({"mine": 3}, ["east"])


@pytest.mark.parametrize("computed", [{"rouge1": torch.tensor(0.5)}, None, "much", [1.0, 2.0], float("nan")])
def test_what_a_metric_computes_is_one_number(computed: Any) -> None:
    class Odd(Distinct):
        def compute(self) -> Any:
            return computed

    scores = OwnScores("mine", Odd())
    scores.update(torch.tensor([0]), [""], ["x"])
    with pytest.raises(RewardError, match=r"the metric 'mine' computed .*: it must be one finite number"):
        scores.gathered()
