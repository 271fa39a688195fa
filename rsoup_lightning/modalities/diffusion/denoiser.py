"""The parts of a pipeline as one module: what a denoiser says of latents and prompts, and images of latents.

Notation: B rows; latents are ``[B, C, H, W]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.pipeline import save_pipeline
from rsoup_lightning.modalities.diffusion.prompts import EncodedPrompts
from rsoup_lightning.modalities.diffusion.sampling import Denoise, Schedule, guided

Precision = Literal["float32", "bfloat16"]

IMAGES_AT_A_TIME = 64  # through the decoder


class Denoiser(nn.Module):
    """A Stable Diffusion pipeline; its text encoder and autoencoder are frozen.

    Args:
        pipeline: a ``StableDiffusionPipeline`` of diffusers.
        steps: T of a chain.
        eta: how much each step leaves to chance, from 0 (nothing) to 1 (as DDPM).
        guidance: scale of classifier-free guidance; 1 is none.
        precision: what denoiser and autoencoder compute in; their weights are float32.

    Attributes:
        unet: the network that is trained, maybe with adapters.
        schedule: the steps of a chain.
        prompts: the prompts seen so far.
        latent_shape: C, H and W.
    """

    def __init__(self, pipeline: Any, steps: int, eta: float, guidance: float, precision: Precision) -> None:
        super().__init__()
        if guidance < 1:
            raise ConfigError(f"guidance is {guidance}: 1 is none, and larger numbers follow the prompt more closely")
        self.schedule = Schedule(pipeline.scheduler, steps, eta)
        self.guidance = guidance
        self.prompts = EncodedPrompts(pipeline.text_encoder, pipeline.tokenizer)
        self.vae = pipeline.vae.requires_grad_(False)
        self.unet = pipeline.unet
        size = pipeline.unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        self.latent_shape: tuple[int, int, int] = (pipeline.unet.config.in_channels, height, width)
        self._compute = {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
        self._scheduler = pipeline.scheduler

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.schedule.alphas.device

    def towards(self, prompts: Tensor, unet: Any = None) -> Denoise:
        """What it says with guidance towards the prompts ``[B]``, by their numbers.

        Args:
            prompts: ``[B]``.
            unet: plays in place of its own.
        """
        wanted = self.prompts(prompts)
        if self.guidance == 1:
            return lambda latents, steps: self.ask(latents, self.schedule.timesteps[steps], wanted, unet)
        # Row by row, so that groups of rows, as those of a soup's members, stay together.
        both = torch.stack([self.prompts(torch.zeros_like(prompts)), wanted], 1).flatten(0, 1)

        def denoise(latents: Tensor, steps: Tensor) -> Tensor:
            twice, times = (each.repeat_interleave(2, 0) for each in (latents, self.schedule.timesteps[steps]))
            unconditional, conditional = self.ask(twice, times, both, unet).unflatten(0, (-1, 2)).unbind(1)
            return guided(unconditional, conditional, self.guidance)

        return denoise

    def ask(self, latents: Tensor, times: Tensor, embeddings: Tensor, unet: Any = None) -> Tensor:
        """``[B, C, H, W]`` what it says of latents at the timesteps ``[B]`` and of ``embeddings [B, L, D]``."""
        network = self.unet if unet is None else unet
        with self._precision():
            return network(latents, times, encoder_hidden_states=embeddings, return_dict=False)[0].float()

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """``[B, 3, height, width]`` from 0 to 1, of finished latents."""
        scaled = latents / self.vae.config.scaling_factor
        with self._precision():
            parts = [self.vae.decode(part).sample.float() for part in scaled.split(IMAGES_AT_A_TIME)]
        return (torch.cat(parts) / 2 + 0.5).clamp(0, 1)

    @contextmanager
    def playing(self) -> Iterator[Any]:
        """The network in evaluation mode."""
        training = self.unet.training
        try:
            yield self.unet.eval()
        finally:
            self.unet.train(training)

    def save(self, folder: Path, unet: Any) -> None:
        """Write a pipeline that diffusers loads, with ``unet`` for its own."""
        save_pipeline(folder, self.vae, self.prompts.text_encoder, self.prompts.tokenizer, unet, self._scheduler)

    def _precision(self) -> Any:
        return torch.autocast(self.device.type, self._compute, enabled=self._compute != torch.float32)
