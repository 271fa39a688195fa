from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.engine import MergePlan, check_groups, merge_tensor
from rsoup_lightning.merging.methods import method


def plan(*coefficients: float, **settings: object) -> MergePlan:
    return MergePlan(method("linear"), coefficients, **settings)  # type: ignore[arg-type]


def test_integers_must_agree_and_counters_take_the_largest() -> None:
    one, two = torch.tensor([1, 2]), torch.tensor([1, 3])
    assert merge_tensor(plan(0.5, 0.5), "positions", [one, one]).tolist() == [1, 2]
    with pytest.raises(MergeError, match="'positions' holds no floating numbers and differs between a, b"):
        merge_tensor(plan(0.5, 0.5, names=["a", "b"]), "positions", [one, two])
    counted = merge_tensor(plan(0.5, 0.5), "bn.num_batches_tracked", [torch.tensor(3), torch.tensor(7)])
    assert counted == 7


def test_the_first_group_that_matches_counts() -> None:
    grouped = plan(0.5, 0.5, groups={"^layer": (1.0, 0.0), "weight$": (0.0, 1.0)})
    assert grouped.coefficients_of("layer.weight") == (1.0, 0.0)
    assert grouped.coefficients_of("head.weight") == (0.0, 1.0)
    assert grouped.coefficients_of("head.bias") == (0.5, 0.5)
    check_groups(grouped, ["layer.weight"])
    with pytest.raises(MergeError, match=r"matches no tensor: names look like 'head.bias'"):
        check_groups(grouped, ["head.bias"])
    with pytest.raises(MergeError, match="is not a regular expression"):
        check_groups(plan(1.0, groups={"(": (1.0,)}), ["w"])


def test_a_result_is_a_new_tensor_in_the_dtype_of_the_first() -> None:
    expert = torch.randn(3, dtype=torch.bfloat16, generator=torch.Generator().manual_seed(0))
    merged = merge_tensor(plan(1.0, 0.0), "w", [expert, torch.full((3,), torch.nan, dtype=torch.bfloat16)])
    assert merged.dtype == torch.bfloat16 and merged.equal(expert) and merged.data_ptr() != expert.data_ptr()
    wide = merge_tensor(plan(0.5, 0.5, dtype=torch.float32), "w", [expert, expert])
    assert wide.dtype == torch.float32 and wide.equal(expert.float())
