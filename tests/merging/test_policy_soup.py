from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging import linear
from rsoup_lightning.merging.policy_soup import policy_soup

LAYER = "model.base_model.model.layers.0.proj"
A, B = f"{LAYER}.lora_A.default.weight", f"{LAYER}.lora_B.default.weight"


def _expert(seed: int, rank: int = 2, inside: int = 6, outside: int = 5) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draw = [torch.randn(shape, generator=generator) for shape in ((rank, inside), (outside, rank), (3,))]
    return dict(zip((A, B, "value.bias"), draw, strict=True))


def _update(weights: dict[str, Tensor]) -> Tensor:
    return weights[B] @ weights[A]


def test_a_lora_layer_is_the_best_of_its_rank_for_the_averaged_update() -> None:
    experts, coefficients = [_expert(seed) for seed in range(3)], [0.5, 0.2, 0.3]
    mean = sum((w * _update(e) for e, w in zip(experts, coefficients, strict=True)), torch.zeros(5, 6))
    merged, share = policy_soup(experts, coefficients)
    assert {name: tensor.shape for name, tensor in merged.items()} == {n: t.shape for n, t in experts[0].items()}
    lost = torch.linalg.svdvals(mean)[2:].square().sum().sqrt()
    assert share == pytest.approx(float(lost / torch.linalg.norm(mean)), rel=1e-5)
    torch.testing.assert_close(torch.linalg.norm(_update(merged) - mean), lost)
    biases = torch.stack([expert["value.bias"] for expert in experts])
    torch.testing.assert_close(merged["value.bias"], torch.tensor(coefficients) @ biases)


def test_updates_that_share_their_rows_are_averaged_exactly() -> None:
    first, second = _expert(0), _expert(1)
    second[A] = first[A]
    torch.testing.assert_close(
        _update(policy_soup([first, second], [0.25, 0.75])[0]), 0.25 * _update(first) + 0.75 * _update(second)
    )


def test_where_a_layer_is_narrower_than_its_rank_shapes_stay() -> None:
    experts = [_expert(seed, rank=4, inside=3, outside=2) for seed in range(2)]
    merged, _ = policy_soup(experts, [0.5, 0.5])
    assert merged[A].shape == (4, 3) and merged[B].shape == (2, 4)
    torch.testing.assert_close(_update(merged), (_update(experts[0]) + _update(experts[1])) / 2)


def test_whole_weights_are_the_linear_soup() -> None:
    experts = [{"w": torch.randn(4), "count": torch.tensor(3)} for _ in range(2)]
    merged, lost = policy_soup(experts, [0.5, 0.5])
    assert lost == 0 and all(torch.equal(merged[name], tensor) for name, tensor in linear(experts, [0.5, 0.5]).items())


def test_what_all_layers_lose_together() -> None:
    """The layers' updates as the blocks of one matrix."""
    other = {A: A.replace("layers.0", "layers.1"), B: B.replace("layers.0", "layers.1")}
    experts = [_expert(seed) | {name: 3 * _expert(seed + 9)[key] for key, name in other.items()} for seed in range(2)]
    merged, share = policy_soup(experts, [0.5, 0.5])
    gaps, whole = [], []
    for names in ((A, B), (other[A], other[B])):
        mean = sum(0.5 * expert[names[1]] @ expert[names[0]] for expert in experts)
        gaps.append(merged[names[1]] @ merged[names[0]] - mean)
        whole.append(mean)
    expected = torch.linalg.norm(torch.stack(gaps)) / torch.linalg.norm(torch.stack(whole))
    assert share == pytest.approx(float(expected), rel=1e-5) and share > 0.01


def test_a_layer_without_an_update_learns_in_the_next_round() -> None:
    """A gradient reaches B through A, and A through B: with zeros on both sides none does."""
    experts = [{**_expert(seed), B: torch.zeros(5, 2)} for seed in range(2)]
    merged, lost = policy_soup(experts, [0.5, 0.5])
    assert lost == 0 and not merged[B].any()
    torch.testing.assert_close(merged[A], (experts[0][A] + experts[1][A]) / 2)


def test_directions_without_an_update_learn_too() -> None:
    experts = [_expert(0, rank=4), _expert(0, rank=4)]
    for expert in experts:
        expert[B][:, 2:] = 0  # so the averaged update has two of four ranks
    merged, _ = policy_soup(experts, [0.5, 0.5])
    torch.testing.assert_close(_update(merged), _update(experts[0]))
    still = merged[B].norm(dim=0) == 0
    assert still.sum() == 2 and merged[A][still].norm(dim=1).min() > 0.1


@pytest.mark.parametrize("live", [1, 2, 3])
@pytest.mark.parametrize("size", [0.01, 1.0, 100.0])
def test_directions_without_an_update_keep_the_averaged_rows_whatever_the_scale(live: int, size: float) -> None:
    for seed in range(20):
        experts = [_expert(seed, rank=4), _expert(seed, rank=4)]
        for expert in experts:
            expert[B] *= size
            expert[B][:, live:] = 0
        merged, _ = policy_soup(experts, [0.5, 0.5])
        still = merged[B].norm(dim=0) == 0
        assert still.sum() == 4 - live
        torch.testing.assert_close(merged[A][still], experts[0][A][still])


def test_counters_take_the_largest_and_errors_name_the_tensor() -> None:
    experts = [{"bn.num_batches_tracked": torch.tensor(number)} for number in (5, 6)]
    assert policy_soup(experts, [0.5, 0.5])[0]["bn.num_batches_tracked"] == 6
    with pytest.raises(MergeError, match="'w' of expert 1 holds NaN"):
        policy_soup([{"w": torch.ones(2)}, {"w": torch.full((2,), torch.nan)}], [0.5, 0.5])
