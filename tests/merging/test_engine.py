from __future__ import annotations

from math import inf

import pytest
import torch

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.engine import MergePlan, check_groups, merge_tensor
from rsoup_lightning.merging.methods import METHODS, method


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


@pytest.mark.parametrize("coefficients", [(1.5,), (1.0, 1.0), (1.0, 0.5)])
def test_what_overflows_is_said_also_where_experts_agree(coefficients: tuple[float, ...]) -> None:
    expert = torch.tensor([1.0, 50000.0], dtype=torch.float16)
    with pytest.raises(MergeError, match="'w': overflows"):
        merge_tensor(plan(*coefficients), "w", [expert] * len(coefficients))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("dtype", [None, torch.float16])
def test_masks_that_agree_pass_and_what_overflows_beside_them_does_not(name: str, dtype: torch.dtype | None) -> None:
    masked, beyond = torch.tensor([0.5, -inf, 2.0]), torch.tensor([0.5, -inf, 1e5])
    asked = MergePlan(method(name), (0.5, 0.5), dtype=dtype)
    merged = merge_tensor(asked, "mask", [masked, masked.clone()], init=masked)
    torch.testing.assert_close(merged, masked.to(dtype or torch.float32))
    if dtype:
        with pytest.raises(MergeError, match="'mask': overflows"):
            merge_tensor(asked, "mask", [beyond, beyond.clone()], init=beyond)
    with pytest.raises(MergeError, match="'mask' of expert 1 holds NaN or infinite weights"):
        merge_tensor(asked, "mask", [masked.nan_to_num(), masked], init=masked.nan_to_num())


def test_a_mask_that_agrees_is_merged_where_it_is_finite() -> None:
    masked = torch.tensor([1.0, -inf])
    assert merge_tensor(plan(1.5, -1.0), "w", [masked, masked.clone()]).tolist() == [0.5, -inf]


def test_coefficients_that_were_rounded_leave_what_experts_agree_on() -> None:
    frozen = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert merge_tensor(plan(*[0.3333333] * 3), "w", [frozen.clone() for _ in range(3)]).equal(frozen)


def test_numbers_that_torch_does_not_compute_with_are_named() -> None:
    narrow = torch.ones(2).to(torch.float8_e4m3fn)
    with pytest.raises(MergeError, match=r"'w' of b is torch\.float8_e4m3fn, which cannot be merged: cast it"):
        merge_tensor(plan(0.5, 0.5, names=["a", "b"]), "w", [torch.ones(2), narrow])
