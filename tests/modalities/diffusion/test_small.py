"""A small pipeline is trained once, and is one of diffusers' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import Item
from rsoup_lightning.modalities.diffusion import DiffusionPolicy, PretrainedPipeline, SmallPipeline
from rsoup_lightning.modalities.diffusion.small import _moments, _sampled
from rsoup_lightning.modalities.pictures import as_bytes
from rsoup_lightning.modalities.pretraining import Pretraining
from rsoup_lightning.rollout import Rollout
from tests.modalities.diffusion.tiny import COLOURS, Squares, small


def folders(cache: Path) -> list[Path]:
    return sorted((cache / "diffusion").iterdir())


def test_it_is_trained_once_and_loads_as_any_pipeline(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = small().load()
    monkeypatch.setattr(SmallPipeline, "_make", None)
    again = small().load()
    (folder,) = folders(cache)
    plain = StableDiffusionPipeline.from_pretrained(folder)
    given = PretrainedPipeline(str(folder)).load()
    for other in (again, plain, given):
        for name, tensor in first.unet.state_dict().items():
            assert torch.equal(other.unet.state_dict()[name], tensor)
    plain.set_progress_bar_config(disable=True)
    image = plain("a red square", num_inference_steps=2, output_type="pt").images
    assert image.shape == (1, 3, 16, 16)


@pytest.mark.parametrize("changes", [{"latent_channels": 3}, {"denoising": Pretraining(steps=1)}], ids=str)
def test_other_settings_are_another_model(changes: dict[str, Any], cache: Path) -> None:
    small().load()
    loaded = small(**changes).load()
    assert len(folders(cache)) == 2
    assert loaded.unet.config.in_channels == changes.get("latent_channels", 4)


def test_other_pictures_of_the_same_names_are_another_model(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small().load()
    original = Squares.picture
    monkeypatch.setattr(Squares, "picture", lambda self, name: original(self, name).rotate(90, fillcolor="grey"))
    small().load()
    assert len(folders(cache)) == 1  # a square that is turned is the same
    monkeypatch.setattr(Squares, "picture", lambda self, name: original(self, COLOURS[-1]))
    small().load()
    assert len(folders(cache)) == 2


def test_it_is_the_same_at_the_same_seeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.manual_seed(5)
    first = small().load().unet.state_dict()
    monkeypatch.setenv("RSOUP_CACHE", str(tmp_path / "other"))
    torch.manual_seed(6)
    assert all(torch.equal(tensor, first[name]) for name, tensor in small().load().unet.state_dict().items())


def test_scaled_latents_have_deviation_one() -> None:
    base = small(autoencoding=Pretraining(steps=20, batch_size=4))
    vae = base.load().vae
    pixels = torch.stack([as_bytes(base.data.picture(name), base.image_size) for name in COLOURS[:4]])
    torch.manual_seed(0)
    latents = _sampled(_moments(vae, pixels)) * vae.config.scaling_factor
    assert latents.std().item() == pytest.approx(1, abs=0.05)


def test_pre_training_learns_to_decode_and_to_denoise() -> None:
    long = {"batch_size": 8, "learning_rate": 5e-3, "warmup": 5}
    errors = []
    for steps in (1, 60):
        pipeline = small(
            autoencoding=Pretraining(steps=steps, **long), denoising=Pretraining(steps=steps, **long), dropout=0.0
        ).load()
        policy = DiffusionPolicy(pipeline, likelihood="denoising", steps=2)
        rows = torch.arange(4).repeat(16)
        shown = (
            torch.stack([as_bytes(Squares().picture(colour), small().image_size) for colour in COLOURS[:4]])[rows] / 255
        )
        latents = pipeline.vae.encode(2 * shown - 1).latent_dist.mode() * pipeline.vae.config.scaling_factor
        prompts = policy.denoiser.prompts.numbers([f"a {colour} square" for colour in COLOURS[:4]])[rows]
        torch.manual_seed(0)
        drawn = Rollout(
            torch.zeros(64, 1), torch.ones(64, 1) > 0, {"latents": latents[:, None]}, {}, {"prompt_number": prompts}
        )
        with torch.no_grad():
            denoising = -policy(drawn).log_probs.mean().item()
            errors.append(((policy.denoiser.decode(latents) - shown).abs().mean().item(), denoising))
    assert errors[1][0] < 0.8 * errors[0][0] and errors[1][1] < 0.8 * errors[0][1]


class Nameless(Squares):
    def items(self, split: Any) -> list[Item]:
        return [Item("red", ("red",)), Item("green")]


class Nothing(Squares):
    def items(self, split: Any) -> list[Item]:
        return []


def test_pictures_without_a_prompt_are_refused() -> None:
    with pytest.raises(ConfigError, match="green has none"):
        SmallPipeline(Nameless()).load()
    with pytest.raises(ConfigError, match="no picture"):
        SmallPipeline(Nothing()).load()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_size": 15}, "image_size 15"),
        ({"channels": (32, 48)}, "multiples of 32"),
        ({"text_width": 40}, "multiples of 32"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_impossible_sizes(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**changes)
