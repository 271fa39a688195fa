"""Pipelines small enough to pre-train and fine-tune in seconds: the real classes, 16 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from rsoup_lightning.modalities.data import Entry, Item, PictureData, PromptData, Split
from rsoup_lightning.modalities.diffusion import DiffusionPolicy, SmallPipeline
from rsoup_lightning.modalities.diffusion.families import StableDiffusion
from rsoup_lightning.modalities.diffusion.pipeline import PipelineSource, save_pipeline
from rsoup_lightning.modalities.diffusion.word_tokenizer import word_tokenizer
from rsoup_lightning.modalities.pretraining import Pretraining
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout

COLOURS = ("red", "green", "blue", "white", "black", "yellow")


class Squares(PictureData):
    """Squares of one colour each."""

    def items(self, split: Split) -> Sequence[Item]:
        shown = COLOURS[:4] if split == "train" else COLOURS[4:]
        return [Item(colour, (f"a {colour} square", "a picture")) for colour in shown]

    def picture(self, name: str) -> Image.Image:
        return Image.new("RGB", (20, 20), name)


class Colours(PromptData):
    """Names of squares.

    Args:
        empty: leave one prompt empty.
    """

    def __init__(self, empty: bool = False) -> None:
        self.empty = empty

    def entries(self, split: Split) -> Sequence[Entry]:
        prompts = [f"a {colour} square" for colour in (COLOURS[:3] if split == "train" else COLOURS)]
        return [Entry(prompt) for prompt in ([*prompts, " "] if self.empty else prompts)]


class Bright(Reward):
    """Mean of a colour's channel.

    Args:
        channel: its number.
    """

    def __init__(self, channel: int = 0) -> None:
        self.channel = channel

    def __call__(self, rollout: Rollout) -> Tensor:
        return rollout["images"][:, self.channel].mean((1, 2))


def small(**changes: Any) -> SmallPipeline:
    """16 pixels, 8 x 8 latents."""
    settings = {
        "image_size": 16,
        "vae_channels": (8, 8),
        "channels": (32, 32),
        "text_width": 32,
        "text_layers": 1,
        "autoencoding": Pretraining(steps=2, batch_size=2),
        "denoising": Pretraining(steps=3, batch_size=2, average=0.9),
        **changes,
    }
    return SmallPipeline(Squares(), **settings)


class Random(PipelineSource):
    """A pipeline of large random weights, so that its images depend on the prompt.

    Args:
        seed: of the weights.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def load(self) -> Any:
        return together(parts(self.seed))


def together(made: dict[str, Any]) -> Any:
    """A pipeline of parts."""
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline(**made, **StableDiffusion.absent)


def parts(seed: int = 0) -> dict[str, Any]:
    """The parts of a pipeline with random weights."""
    base, tokenizer = small(), word_tokenizer([entry.question for entry in Colours().entries("eval")])
    torch.manual_seed(seed)
    made = {"vae": base.build_vae(), "unet": base.build_unet(), "text_encoder": base.build_text_encoder(tokenizer)}
    for model in made.values():
        model.eval()
        for parameter in model.parameters():
            parameter.data = parameter.data + 0.05 * torch.randn_like(parameter)
    return {**made, "tokenizer": tokenizer, "scheduler": base.build_scheduler()}


def saved(folder: Path, **changes: Any) -> str:
    """A folder with such a pipeline, some of its parts replaced."""
    save_pipeline(folder, together({**parts(), **changes}))
    return str(folder)


def policy(seed: int | None = None, **changes: Any) -> DiffusionPolicy:
    """A policy of few steps; with a seed, what is trained of it is away from its start."""
    made = DiffusionPolicy(Random().load(), **{"steps": 4, "guidance": 2.0, **changes})
    return made if seed is None else stirred(made, seed)


def stirred(made: DiffusionPolicy, seed: int) -> DiffusionPolicy:
    generator = torch.Generator().manual_seed(seed)
    noise = {name: torch.randn(weight.shape, generator=generator) for name, weight in made.weights().items()}
    made.load_weights({name: weight + 0.05 * noise[name] for name, weight in made.weights().items()})
    return made
