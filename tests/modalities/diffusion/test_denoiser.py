from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.denoiser import Denoiser
from rsoup_lightning.modalities.diffusion.sampling import guided
from tests.modalities.diffusion import tiny

PROMPTS = ["a red square", "a blue square"]


def denoiser(guidance: float = 1.0) -> Denoiser:
    return Denoiser(tiny.Random().load(), steps=3, eta=1.0, guidance=guidance, precision="float32")


def test_guidance_pulls_away_from_the_empty_prompt() -> None:
    plain, led = denoiser(), denoiser(3.0)
    latents = torch.randn(2, *plain.latent_shape, generator=torch.Generator().manual_seed(0))
    steps = torch.tensor([0, 2])
    with torch.no_grad():
        wanted, empty = (plain.towards(plain.prompts.numbers(texts))(latents, steps) for texts in (PROMPTS, ["", ""]))
        assert not torch.allclose(wanted, empty)
        pulled = led.towards(led.prompts.numbers(PROMPTS))(latents, steps)
    assert torch.allclose(pulled, guided(empty, wanted, 3.0), atol=1e-5)


def test_images_are_between_black_and_white() -> None:
    made = denoiser()
    images = made.decode(10 * torch.randn(2, *made.latent_shape))
    assert images.shape[:2] == (2, 3)
    assert images.min() >= 0 and images.max() <= 1


def test_playing_returns_to_training() -> None:
    made = denoiser()
    made.network.train()
    with pytest.raises(KeyError), made.playing():
        assert not made.network.training
        raise KeyError
    assert made.network.training


def test_guidance_below_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"guidance is 0\.5: 1 is none"):
        denoiser(0.5)
