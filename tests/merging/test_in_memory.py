from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import CoefficientError, MergeError
from rsoup_lightning.merging import linear


def _expert(seed: int, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "w": torch.randn(50, 3, generator=generator).to(dtype),
        "count": torch.tensor(7),
        "flag": torch.tensor(True),
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_one_hot_is_the_expert_bit_for_bit(dtype: torch.dtype) -> None:
    experts = [_expert(seed, dtype) for seed in range(3)]
    experts[0]["w"][0, 0] = float("nan")  # an expert that weighs nothing must not be touched
    for index in (1, 2):
        point = [float(index == i) for i in range(3)]
        assert all(torch.equal(tensor, experts[index][key]) for key, tensor in linear(experts, point).items())


def test_what_experts_agree_on_stays_bit_for_bit() -> None:
    expert, point = _expert(0), [0.1, 0.2, 0.7]
    assert not torch.equal(sum(weight * expert["w"] for weight in point), expert["w"])  # a sum would round
    assert torch.equal(linear([expert] * 3, point)["w"], expert["w"])
    beyond = linear([expert] * 2, [1.0, 1.0], extrapolate=True)["w"]
    assert torch.equal(beyond, 2 * expert["w"])  # λ that sum to something else scale it


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_against_float64(dtype: torch.dtype) -> None:
    experts, point = [_expert(seed, dtype) for seed in range(3)], [0.2, 0.5, 0.3]
    exact = sum(weight * expert["w"].double() for weight, expert in zip(point, experts, strict=True))
    assert isinstance(exact, torch.Tensor)
    merged = linear(experts, point)["w"]
    assert merged.dtype == dtype
    torch.testing.assert_close(merged.double(), exact.to(dtype).double(), rtol=torch.finfo(dtype).eps, atol=1e-6)


def test_result_shares_no_memory_and_experts_stay() -> None:
    experts = [_expert(0), _expert(1)]
    before = experts[0]["w"].clone()
    linear(experts, [1.0, 0.0])["w"].zero_()
    linear(experts, [0.5, 0.5])["w"].zero_()
    assert torch.equal(experts[0]["w"], before)


def test_off_the_simplex() -> None:
    with pytest.raises(CoefficientError):
        linear([_expert(0), _expert(1)], [0.5, 0.6])
    extrapolated = linear([_expert(0), _expert(1)], [2.0, -1.0], extrapolate=True)["w"]
    torch.testing.assert_close(extrapolated, 2 * _expert(0)["w"] - _expert(1)["w"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w": torch.zeros(50, 4)}, "'w' has shape"),
        ({"w": torch.zeros(50, 3, dtype=torch.float16)}, "'w' is torch.float32 in good but torch.float16 in bad"),
        ({"count": torch.tensor(8)}, "'count' is not a floating tensor and differs"),
        ({"extra": torch.zeros(1)}, "bad has the tensor 'extra' that good lacks"),
    ],
)
def test_experts_that_do_not_fit(change: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(MergeError, match=message):
        linear([_expert(0), {**_expert(1), **change}], [0.5, 0.5], names=["good", "bad"])


def test_missing_key() -> None:
    short = _expert(1)
    del short["w"]
    with pytest.raises(MergeError, match="expert 1 lacks the tensor 'w'"):
        linear([_expert(0), short], [0.5, 0.5])
