"""What does DDPO cost beyond the network? A training step against the bare passes of diffusers' denoiser.

A Stable Diffusion of random weights, sampled with guidance; LoRA of rank 8 on its attention layers. Our step draws the
images of a rollout, rates them, scores every denoising step again and learns from it. The peer is the least that any
such training does: each denoising step of each image once without gradient and once with it, forwards and backwards,
and the images decoded. A ratio of 1 is a training that costs nothing else.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from PIL import Image
from timing import Clock, Rounds, accelerator, in_turns, report, synchronise

from rsoup_lightning.algorithms import RLOO
from rsoup_lightning.modalities.data import Entry, Item, PictureData, PromptData, Split
from rsoup_lightning.modalities.diffusion import DiffusionFineTuner, SmallPipeline
from rsoup_lightning.modalities.diffusion.pipeline import PipelineSource
from rsoup_lightning.modalities.diffusion.word_tokenizer import word_tokenizer
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.run.trainer.trainer_settings import QUIET_TRAINER

STEPS, ROUNDS = 3, 5
COLOURS = ("red", "green", "blue", "white", "black", "yellow", "grey", "brown")


@dataclass(frozen=True)
class Pictures:
    """A denoiser and what is asked of it.

    Attributes:
        image_size: in pixels.
        channels: of the denoiser's levels.
        vae_channels: of the autoencoder's.
        layers: residual blocks per level.
        text_width: of the text encoder.
        prompts: of a training step.
        completions: images of each.
        steps: denoising steps.
        device: cpu or cuda.
    """

    image_size: int = 32
    channels: tuple[int, ...] = (64, 128)
    vae_channels: tuple[int, ...] = (16, 32, 64)
    layers: int = 1
    text_width: int = 128
    prompts: int = 4
    completions: int = 8
    steps: int = 5
    device: str = "cpu"

    @property
    def images(self) -> int:
        """Of a training step."""
        return self.prompts * self.completions


class Squares(PictureData):
    """Squares of one colour each."""

    def items(self, split: Split) -> Sequence[Item]:
        return [Item(colour, (f"a {colour} square",)) for colour in COLOURS]

    def picture(self, name: str) -> Image.Image:
        return Image.new("RGB", (32, 32), name)


class Prompts(PromptData):
    """What is drawn: squares."""

    def entries(self, split: Split) -> Sequence[Entry]:
        return [Entry(f"a {colour} square") for colour in COLOURS]


class Untrained(PipelineSource):
    """A pipeline as it is before anything is learnt."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures

    def load(self) -> Any:
        from diffusers import StableDiffusionPipeline

        wanted = self._pictures
        base = SmallPipeline(
            Squares(),
            image_size=wanted.image_size,
            channels=wanted.channels,
            vae_channels=wanted.vae_channels,
            layers=wanted.layers,
            text_width=wanted.text_width,
        )
        tokenizer = word_tokenizer([entry.question for entry in Prompts().entries("train")])
        torch.manual_seed(0)
        return StableDiffusionPipeline(
            vae=base.build_vae().eval(),
            unet=base.build_unet().eval(),
            text_encoder=base.build_text_encoder(tokenizer).eval(),
            tokenizer=tokenizer,
            scheduler=base.build_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )


class Red(Reward):
    """Mean of the red channel."""

    def __call__(self, rollout: Rollout) -> torch.Tensor:
        return rollout["images"][:, 0].mean((1, 2))


def fine_tuner(pictures: Pictures) -> DiffusionFineTuner:
    """What is measured."""
    return DiffusionFineTuner(
        Untrained(pictures),
        Prompts(),
        {"red": Red()},
        algorithm=RLOO(pictures.completions),
        lora=LoRA(8),
        steps=pictures.steps,
        precision="bfloat16" if pictures.device == "cuda" else "float32",
        batch_size=pictures.prompts,
        batches_per_epoch=STEPS + 1,
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-4),
    )


def ours(pictures: Pictures) -> float:
    """Images per second of a training step."""
    clock = Clock(pictures.device)

    class Ticks(L.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            clock.tick()

    trainer = L.Trainer(
        max_epochs=1,
        accelerator=accelerator(pictures.device),
        devices=1,
        callbacks=[Ticks()],
        log_every_n_steps=1,
        **QUIET_TRAINER,
    )
    trainer.fit(fine_tuner(pictures))
    return pictures.images / statistics.median(clock.seconds())


def peer(pictures: Pictures) -> float:
    """Images per second of the passes alone."""
    policy = fine_tuner(pictures).policy.to(pictures.device)
    denoiser = policy.denoiser
    asked = [entry.question for entry in Prompts().entries("train")[: pictures.prompts]]
    prompts = [prompt for prompt in asked for _ in range(pictures.completions)]
    denoise = denoiser.towards(denoiser.prompts.numbers(prompts))
    latents = torch.randn(pictures.images, *denoiser.latent_shape, device=pictures.device)
    steps = torch.arange(pictures.steps, device=pictures.device)
    trained = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    seconds = []
    for _ in range(STEPS + 1):
        synchronise(pictures.device)
        start = time.perf_counter()
        with torch.no_grad():
            for step in steps:
                denoise(latents, step.expand(pictures.images))
            denoiser.decode(latents)
        for step in steps:
            torch.autograd.grad(denoise(latents, step.expand(pictures.images)).square().mean(), trained)
        synchronise(pictures.device)
        seconds.append(time.perf_counter() - start)
    return pictures.images / statistics.median(seconds[1:])


def measure(pictures: Pictures, rounds: Rounds) -> dict[str, float]:
    """Both, in turns."""
    print(f"{pictures.image_size} pixels, {pictures.images} images × {pictures.steps} steps, images per second")
    result = in_turns(lambda: ours(pictures), lambda: peer(pictures), rounds)
    print(f"\nDDPO step      {result['ours']:>8.2f} images/s")
    print(f"passes alone   {result['peer']:>8.2f} images/s")
    return result


def main() -> None:
    """Measure and print."""
    result = measure(Pictures(), Rounds.asked(ROUNDS))
    report("diffusion_throughput", "images/s", result)


if __name__ == "__main__":
    main()
