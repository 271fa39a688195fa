from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, MergeError, UnknownNameError
from rsoup_lightning.merging import merge_weights
from rsoup_lightning.merging.methods import METHODS, method

SHAPE = (40, 30)


def _weights(seed: int) -> dict[str, Tensor]:
    return {"w": torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)}


INIT, A, B = _weights(0), _weights(1), _weights(2)


def _merged(name: str, a: float, b: float, **options: float) -> Tensor:
    return merge_weights([A, B], [a, b], method=name, init=INIT, extrapolate=True, **options)["w"]


@pytest.mark.parametrize("name", [name for name, known in METHODS.items() if known.keeps_experts])
def test_one_hot_is_the_expert_bit_for_bit(name: str) -> None:
    assert torch.equal(_merged(name, 1.0, 0.0), A["w"])
    assert torch.equal(_merged(name, 0.0, 1.0), B["w"])


@pytest.mark.parametrize("name", METHODS)
def test_a_merge_of_the_same_experts_is_that_expert(name: str) -> None:
    options = {"density": 1.0} if name in ("ties", "dare") else {"towards_init": 0.0} if name == "liti" else {}
    merged = merge_weights([A, A], [0.3, 0.7], method=name, init=INIT, **options)["w"]
    torch.testing.assert_close(merged, A["w"])


def test_task_arithmetic() -> None:
    torch.testing.assert_close(_merged("task_arithmetic", 0.4, 0.6), _merged("linear", 0.4, 0.6))
    doubled = INIT["w"] + 2 * (A["w"] - INIT["w"]) - (B["w"] - INIT["w"])
    torch.testing.assert_close(_merged("task_arithmetic", 2.0, -1.0), doubled)


def test_slerp_keeps_the_length_of_task_vectors() -> None:
    x, y = torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    x[0], y[1] = 2.0, 2.0
    init = {"w": torch.zeros(2, dtype=torch.float64)}
    merged = merge_weights([{"w": x}, {"w": y}], [2 / 3, 1 / 3], method="slerp", init=init)["w"]
    torch.testing.assert_close(merged, 2 * torch.tensor([math.cos(math.pi / 6), math.sin(math.pi / 6)]).double())
    near = {"w": A["w"] + 1e-7 * B["w"]}
    torch.testing.assert_close(
        merge_weights([A, near], [0.5, 0.5], method="slerp", init=INIT)["w"], (A["w"] + near["w"]) / 2
    )
    with pytest.raises(MergeError, match="between two experts"):
        merge_weights([A, B, INIT], [0.2, 0.3, 0.5], method="slerp", init=INIT)


def test_ties_by_hand() -> None:
    init = {"w": torch.zeros(4)}
    first, second = {"w": torch.tensor([4.0, -3.0, 0.1, 2.0])}, {"w": torch.tensor([2.0, 5.0, 0.2, -0.1])}
    merged = merge_weights([first, second], [0.5, 0.5], method="ties", init=init, density=0.5)["w"]
    # Kept: 4, -3 and 2, 5. Signs: + and, as 5 > 3, +. The third entry is trimmed in both, so is the fourth.
    assert merged.tolist() == [3.0, 5.0, 0.0, 0.0]
    whole = merge_weights([first, second], [0.5, 0.5], method="ties", init=init, density=1.0)["w"]
    torch.testing.assert_close(whole, torch.tensor([3.0, 5.0, 0.15, 2.0]))


def test_dare_keeps_the_mean_and_follows_its_seed() -> None:
    linear = _merged("linear", 0.5, 0.5)
    draws = torch.stack([_merged("dare", 0.5, 0.5, density=0.25, seed=seed) for seed in range(400)])
    error = (draws.mean(0) - linear).abs()
    spread = draws.std(0) / 20
    assert (error < 4.5 * spread).all()
    assert torch.equal(draws[3], _merged("dare", 0.5, 0.5, density=0.25, seed=3))
    assert not torch.equal(draws[3], draws[4])
    kept = (_merged("dare", 1.0, 0.0, density=0.25) != INIT["w"]).double().mean()
    assert abs(kept - 0.25) < 4.5 * math.sqrt(0.25 * 0.75 / INIT["w"].numel())


def test_liti_goes_back_to_init() -> None:
    torch.testing.assert_close(_merged("liti", 0.5, 0.5, towards_init=1.0), INIT["w"])
    halfway = (_merged("linear", 0.5, 0.5) + INIT["w"]) / 2
    torch.testing.assert_close(_merged("liti", 0.5, 0.5), halfway)


def test_bad_settings() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'linear'"):
        method("linaer")
    for wrong in ("a", True, [0.5], None):
        with pytest.raises(
            ConfigError, match=r"the setting 'density' of 'ties' is .*: give a value as its default, 0\.2"
        ):
            method("ties", {"density": wrong})
    with pytest.raises(ConfigError, match=r"the setting 'seed' of 'dare' is 0\.5: give a value as its default, 0"):
        method("dare", {"seed": 0.5})
    method("dare", {"density": 1, "seed": 3})
    with pytest.raises(ConfigError, match="'linear' has no setting 'density'; its settings: none"):
        method("linear", {"density": 0.5})
    with pytest.raises(ConfigError, match="give init"):
        merge_weights([A, B], [0.5, 0.5], method="ties")
    for name, option in (("ties", "density"), ("dare", "density"), ("liti", "towards_init")):
        with pytest.raises(ConfigError, match=option):
            _merged(name, 0.5, 0.5, **{option: 1.5})


def test_slerp_where_one_expert_did_not_move_or_weighs_nothing() -> None:
    still = merge_weights([INIT, A], [0.5, 0.5], method="slerp", init=INIT)["w"]
    torch.testing.assert_close(still, (INIT["w"] + A["w"]) / 2)
    torch.testing.assert_close(_merged("slerp", 0.0, 0.9999999), B["w"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 64])
def test_slerp_between_opposite_directions_is_linear(size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):  # of which a third went a thousand times too far, by how the cosine was rounded
        move, init = torch.randn(size, generator=generator), {"w": torch.zeros(size)}
        merged = merge_weights([{"w": move}, {"w": -2 * move}], [0.3, 0.7], method="slerp", init=init)["w"]
        torch.testing.assert_close(merged, -1.1 * move)


@pytest.mark.parametrize("name", METHODS)
def test_diverged_experts_are_found_behind_every_mask(name: str) -> None:
    bad = {"w": A["w"].clone()}
    bad["w"][3, 3] = float("nan")
    with pytest.raises(MergeError, match="'w' of bad holds NaN"):
        merge_weights([B, bad], [0.5, 0.5], method=name, init=INIT if name != "linear" else None, names=["good", "bad"])


def test_what_overflows_its_dtype_is_refused() -> None:
    big, small = {"w": torch.tensor([60000.0]).half()}, {"w": torch.tensor([-60000.0]).half()}
    with pytest.raises(MergeError, match="'w': overflows"):
        merge_weights([big, small], [1.5, -0.5], extrapolate=True)
    mask = {"w": torch.tensor([-math.inf, 0.0])}
    assert torch.equal(merge_weights([mask, mask], [0.5, 0.5])["w"], mask["w"])


def test_ties_is_task_arithmetic_where_all_agree_whatever_the_scale() -> None:
    init, first, second = ({"w": torch.tensor(values)} for values in ([1.0, 2.0], [3.0, 1.0], [2.0, 0.5]))
    for scale in (0.15, 0.5, 2.0):
        merged = [
            merge_weights([first, second], [scale, scale], method=name, init=init, extrapolate=True, **options)["w"]
            for name, options in (("ties", {"density": 1.0}), ("task_arithmetic", {}))
        ]
        torch.testing.assert_close(*merged)
