from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import MergeError, UnknownNameError
from rsoup_lightning.merging.lora import LoRAFactors, averageable, dense, exact, factor, gap, merge_module, reduce_rank


def _factors(
    seed: int, rank: int = 3, scaling: float = 1.0, kernel: tuple[int, ...] = (), embedding: bool = False
) -> LoRAFactors:
    generator = torch.Generator().manual_seed(seed)
    A = torch.randn(rank, 6, *kernel, generator=generator)
    return LoRAFactors(A, torch.randn(5, rank, *[1] * len(kernel), generator=generator), scaling, embedding)


def _delta(item: LoRAFactors) -> Tensor:
    return item.scaling * item.B.double().flatten(1) @ item.A.double().flatten(1)


@pytest.mark.parametrize("kernel", [(), (3,), (3, 2)])
def test_exact_averages_the_updates(kernel: tuple[int, ...]) -> None:
    experts = [_factors(0, 3, 2.0, kernel), _factors(1, 5, 0.5, kernel), _factors(2, 1, 1.0, kernel)]
    point = [0.2, 0.5, 0.3]
    soup = exact(experts, point)
    assert (soup.rank, soup.scaling, soup.A.shape[1:]) == (9, 1.0, (6, *kernel))
    wanted = torch.stack([weight * _delta(item) for weight, item in zip(point, experts, strict=True)]).sum(0)
    torch.testing.assert_close(_delta(soup), wanted, rtol=1e-5, atol=1e-6)


def test_exact_leaves_out_what_weighs_nothing() -> None:
    broken = LoRAFactors(torch.full((2, 6), math.nan), torch.full((5, 2), math.nan), 1.0)
    assert exact([_factors(0), broken], [0.7, 0.0]).rank == 3
    assert not exact([_factors(0)], [0.0]).B.any()


def test_factor_averages_the_factors() -> None:
    one, two = _factors(0, scaling=2.0), _factors(1, scaling=2.0)
    mean = factor([one, two], [0.25, 0.75])
    torch.testing.assert_close(mean.A, 0.25 * one.A + 0.75 * two.A)
    torch.testing.assert_close(mean.B, 0.25 * one.B + 0.75 * two.B)
    assert mean.scaling == 2.0


@pytest.mark.parametrize("other", [_factors(1, rank=4), _factors(1, scaling=0.5)])
def test_factor_needs_equal_ranks_and_scalings(other: LoRAFactors) -> None:
    assert not averageable([_factors(0), other])
    with pytest.raises(MergeError, match=r"'layers\.0\.q'.*use the mode 'exact' \(--lora exact\)"):
        factor([_factors(0), other], [0.5, 0.5], "layers.0.q")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_gap_of_two_experts_is_the_closed_form(share: float) -> None:
    one, two = _factors(0), _factors(1)
    closed = share * (1 - share) * torch.linalg.matrix_norm((one.B - two.B).double() @ (one.A - two.A).double())
    whole = torch.linalg.matrix_norm(share * _delta(one) + (1 - share) * _delta(two))
    absolute, relative = gap([one, two], [share, 1 - share])
    assert absolute == pytest.approx(float(closed), rel=1e-6)
    assert relative == pytest.approx(float(closed / whole), rel=1e-6)


@pytest.mark.parametrize("kernel", [(), (3, 3)])
def test_gap_against_dense_updates_also_off_the_simplex(kernel: tuple[int, ...]) -> None:
    experts, point = [_factors(seed, 3, 1.5, kernel) for seed in range(3)], [1.5, -0.7, 0.4]
    missing = _delta(exact(experts, point)) - _delta(factor(experts, point))
    assert gap(experts, point)[0] == pytest.approx(float(torch.linalg.matrix_norm(missing)), rel=1e-5)


def test_no_gap_between_equal_experts_and_untrained_ones() -> None:
    one = _factors(0)
    assert gap([one, one], [0.5, 0.5])[1] < 1e-6
    untrained = LoRAFactors(one.A, torch.zeros_like(one.B), 1.0)
    assert gap([untrained, untrained], [0.5, 0.5]) == (0.0, 0.0)


@pytest.mark.parametrize("rank", [1, 2, 4, 5, 8])
def test_reduced_rank_is_the_best_one(rank: int) -> None:
    item = _factors(0, rank=8)
    A, B, error = reduce_rank(item.A, item.B, rank)
    left, sigma, right = torch.linalg.svd(item.B.double() @ item.A.double(), full_matrices=False)
    best = left[:, :rank] * sigma[:rank] @ right[:rank]
    torch.testing.assert_close(B.double() @ A.double(), best, rtol=1e-4, atol=1e-5)
    tail = float(torch.linalg.vector_norm(sigma[rank:]) / torch.linalg.vector_norm(sigma))
    assert error == pytest.approx(tail, abs=1e-6)
    assert A.shape[0] == B.shape[1] == min(rank, 5)  # the product has no more


def test_reduced_rank_of_convolutions_and_narrow_dtypes() -> None:
    item = _factors(0, rank=4, kernel=(3, 2))
    A, B, error = reduce_rank(item.A.bfloat16(), item.B.bfloat16(), 2)
    assert (A.shape, B.shape, A.dtype, B.dtype) == ((2, 6, 3, 2), (5, 2, 1, 1), torch.bfloat16, torch.bfloat16)
    missing = _delta(LoRAFactors(A, B, 1.0)) - _delta(item)
    assert float(torch.linalg.matrix_norm(missing) / torch.linalg.matrix_norm(_delta(item))) == pytest.approx(
        error, abs=0.02
    )


def test_reduced_rank_of_nothing() -> None:
    assert reduce_rank(torch.ones(3, 6), torch.zeros(5, 3), 1)[2] == 0.0
    with pytest.raises(MergeError, match="rank 0"):
        reduce_rank(torch.ones(3, 6), torch.ones(5, 3), 0)


def test_dense() -> None:
    experts, point = [_factors(0, 3, 2.0), _factors(1, 5, 0.5)], [0.25, 0.75]
    update = (0.25 * _delta(experts[0]) + 0.75 * _delta(experts[1])).float()
    weight = torch.randn(5, 6)
    before = weight.clone()
    torch.testing.assert_close(dense(weight, experts, point), weight + update)
    torch.testing.assert_close(dense(weight.T, experts, point, transpose=True), (weight + update).T)
    torch.testing.assert_close(dense(weight.bfloat16(), experts, point), (weight.bfloat16() + update).bfloat16())
    assert torch.equal(weight, before)


def test_dense_convolution_is_the_two_convolutions_in_turn() -> None:
    item, weight = _factors(0, kernel=(3, 3)), torch.randn(5, 6, 3, 3).to(memory_format=torch.channels_last)
    image = torch.randn(1, 6, 8, 8)
    two_steps = torch.conv2d(torch.conv2d(image, item.A), item.B)
    one_step = torch.conv2d(image, dense(weight, [item], [0.5]))
    torch.testing.assert_close(one_step, torch.conv2d(image, weight) + 0.5 * two_steps, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.zeros(6, 5), r"'q' is \(6, 5\) in the base but its update is of \(5, 6\)"),
        (torch.zeros(5, 6, dtype=torch.int8), "'q' is torch.int8.*quantisation"),
    ],
)
def test_dense_refuses(weight: Tensor, message: str) -> None:
    with pytest.raises(MergeError, match=message):
        dense(weight, [_factors(0)], [1.0], module="q")


def test_a_module_that_one_expert_lacks() -> None:
    merged, report = merge_module("q", [_factors(0), None], [0.25, 0.75], "exact", None)
    torch.testing.assert_close(_delta(merged), 0.25 * _delta(_factors(0)), rtol=1e-5, atol=1e-6)
    assert (report.module, report.rank, report.gap, report.error) == ("q", 3, None, 0.0)


def test_padding_changes_nothing() -> None:
    for item in (_factors(0, 3), _factors(0, 3, kernel=(3, 3))):
        assert item.padded(7).rank == item.padded(7).B.shape[1] == 7
        torch.testing.assert_close(_delta(item.padded(7)), _delta(item))


def test_an_update_that_overflows_is_named() -> None:
    large = LoRAFactors(torch.ones(1, 6).half(), torch.full((5, 1), 40000.0).half(), 4.0)
    with pytest.raises(MergeError, match=r"the update of 'q' overflows torch\.float16"):
        merge_module("q", [large], [1.0], "exact", None)


def test_a_gap_over_nothing_is_none() -> None:
    """The updates are zero, and that of their averaged factors is not."""
    one = LoRAFactors(torch.ones(1, 6), torch.zeros(5, 1), 1.0)
    two = LoRAFactors(torch.zeros(1, 6), torch.ones(5, 1), 1.0)
    assert gap([one, two], [0.5, 0.5])[1] == math.inf
    assert merge_module("q", [one, two], [0.5, 0.5], "exact", None)[1].gap is None


def test_a_mode_that_there_is_not() -> None:
    with pytest.raises(UnknownNameError, match="unknown mode of LoRA 'factors': did you mean 'factor'"):
        merge_module("q", [_factors(0)], [1.0], "factors", None)  # type: ignore[arg-type]
