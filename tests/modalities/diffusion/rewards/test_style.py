from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from torch.nn.functional import softplus

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.rewards.features import describe
from rsoup_lightning.modalities.diffusion.rewards.style import (
    COLOURS,
    STRENGTH,
    StyleClassifier,
    _with_spoilt,
    train_style,
)
from tests.modalities.diffusion.rewards.styles import dotted, striped

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def trained() -> StyleClassifier:
    return train_style(striped(), dotted())


def test_tells_new_pictures_apart(trained: StyleClassifier) -> None:
    assert trained.accuracy == 1.0
    assert (trained.log_odds(striped(20, seed=1)) > 0).float().mean() >= 0.9
    assert (trained.log_odds(dotted(20, seed=1)) < 0).float().mean() >= 0.9


def test_a_trace_of_noise_does_not_decide(trained: StyleClassifier) -> None:
    noise = 0.03 * torch.randn(20, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert (trained.log_odds((striped(20, seed=1) + noise).clamp(0, 1)) > 0).float().mean() >= 0.9
    assert (trained.log_odds((dotted(20, seed=1) + noise).clamp(0, 1)) < 0).float().mean() >= 0.9


def test_it_is_a_stationary_point_of_the_penalised_likelihood() -> None:
    """By autograd, over pictures as they are, noisy and blurred."""
    classifier = train_style(striped(), dotted())
    weights = classifier.weights.double().requires_grad_()
    bias = classifier.bias.double().requires_grad_()
    sides = [_with_spoilt(images).flatten(0, 1).double() for images in (striped(), dotted())]
    margins = torch.cat([sides[0] @ weights + bias, -(sides[1] @ weights + bias)])
    (STRENGTH * softplus(-margins).sum() + weights.square().sum() / 2).backward()
    assert weights.grad is not None and bias.grad is not None
    assert weights.grad.abs().max() < 1e-3 * weights.abs().max()
    assert abs(float(bias.grad)) < 1e-3 * float(weights.detach().abs().max())


def test_swapped_styles_are_opposite(trained: StyleClassifier) -> None:
    images = torch.cat([striped(5, seed=2), dotted(5, seed=2)])
    swapped = train_style(dotted(), striped()).log_odds(images)
    assert torch.allclose(swapped, -trained.log_odds(images), atol=0.01 * float(swapped.abs().max()))


def test_accuracy_is_of_pictures_not_learnt_from() -> None:
    """Two halves of one style: learnt by heart, and of no use."""
    assert train_style(striped(100), striped(100, seed=1)).accuracy <= 0.8


def test_every_tenth_thing_is_held_out_in_both_styles() -> None:
    """There, and only there, the styles have changed places."""
    liked, others = striped(), dotted()
    liked[::10], others[::10] = others[::10].clone(), liked[::10].clone()
    assert train_style(liked, others).accuracy == 0.0


def test_kept_and_read_it_is_the_same(trained: StyleClassifier, tmp_path: Path) -> None:
    trained.save(tmp_path / "c.safetensors")
    read = StyleClassifier.load(tmp_path / "c.safetensors")
    assert torch.equal(read.log_odds(striped()), trained.log_odds(striped()))
    assert read.accuracy == trained.accuracy
    features = describe(striped(), COLOURS)
    assert torch.allclose(read.log_odds(striped()), (features * read.weights).sum(1) + read.bias, atol=1e-4)


def test_damage_is_noticed(trained: StyleClassifier, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    trained.save(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(SafetensorError):
        StyleClassifier.load(path)
    with pytest.raises(FileNotFoundError):
        StyleClassifier.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("count", "side", "said"), [(19, 32, r"\[19, 3, 32, 32\].*at least 20"), (20, 31, r"\[20, 3, 31, 31\]")]
)
def test_pictures_that_teach_nothing(count: int, side: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        train_style(torch.rand(count, 3, side, side), striped())
