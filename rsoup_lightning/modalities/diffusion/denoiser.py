"""The parts of a pipeline as one module: what a denoiser says of latents and prompts, and images of latents.

Notation: B rows; latents are ``[B, C, H, W]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from rsoup_lightning.modalities.diffusion.families import family_class
from rsoup_lightning.modalities.diffusion.family import Conditions
from rsoup_lightning.modalities.diffusion.pipeline import save_pipeline
from rsoup_lightning.modalities.diffusion.prompts import EncodedPrompts
from rsoup_lightning.modalities.diffusion.sampling import Denoise, guided
from rsoup_lightning.modalities.diffusion.schedules import ddim_schedule, flow_schedule

Precision = Literal["float32", "bfloat16"]

IMAGES_AT_A_TIME = 64  # through the decoder


class Denoiser(nn.Module):
    """A text-to-image pipeline; its text encoders and autoencoder are frozen.

    Args:
        pipeline: of diffusers, of one of :data:`FAMILIES`.
        steps: T of a chain.
        eta: how much each step leaves to chance; None: 1 (as DDPM), or 0.7 (as Flow-GRPO) of a flow.
        guidance: scale of classifier-free guidance; 1 is none.
        precision: what denoiser and autoencoder compute in; their weights are float32.
        image_size: width and height of images in pixels; None: what the pipeline was made for.

    Attributes:
        network: what is trained, maybe with adapters.
        schedule: the steps of a chain.
        prompts: the prompts seen so far.
        latent_shape: C, H and W.
    """

    def __init__(
        self,
        pipeline: Any,
        steps: int,
        eta: float | None,
        guidance: float,
        precision: Precision,
        image_size: int | None = None,
    ) -> None:
        super().__init__()
        self._family = family_class(type(pipeline).__name__)(pipeline)
        self._family.check_guidance(guidance)
        self.latent_shape = self._family.latent_shape(image_size)
        if self._family.flow:
            spacing = self._family.spacing(steps, self.latent_shape)
            self.schedule = flow_schedule(pipeline.scheduler, steps, eta, **spacing)
        else:
            self.schedule = ddim_schedule(pipeline.scheduler, steps, eta)
        self.guidance = guidance
        self.prompts = EncodedPrompts(self._family)
        self.vae = pipeline.vae.requires_grad_(False)
        self.network = pipeline.components[self._family.network]
        self._compute = {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.schedule.sigmas.device

    def towards(self, prompts: Tensor) -> Denoise:
        """What it says with guidance towards the prompts ``[B]``, by their numbers."""
        if self.guidance == 1 or self._family.distilled:
            told = self.prompts(prompts)
            return lambda latents, steps: self.ask(latents, self.schedule.timesteps[steps], told)
        # Row by row, so that groups of rows, as those of a soup's members, stay together.
        both = self.prompts(torch.stack([torch.zeros_like(prompts), prompts], 1).flatten())

        def denoise(latents: Tensor, steps: Tensor) -> Tensor:
            twice, times = (each.repeat_interleave(2, 0) for each in (latents, self.schedule.timesteps[steps]))
            unconditional, conditional = self.ask(twice, times, both).unflatten(0, (-1, 2)).unbind(1)
            return guided(unconditional, conditional, self.guidance)

        return denoise

    def ask(self, latents: Tensor, times: Tensor, told: Conditions) -> Tensor:
        """``[B, C, H, W]`` what it says of latents at the timesteps ``[B]`` and of what it is told of prompts."""
        with self._precision():
            return self._family.ask(self.network, latents, times, told, self.guidance).float()

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """``[B, 3, height, width]`` from 0 to 1, of finished latents."""
        scaled = self._family.unscaled(latents)
        with self._precision():
            parts = [self.vae.decode(part).sample.float() for part in scaled.split(IMAGES_AT_A_TIME)]
        return (torch.cat(parts) / 2 + 0.5).clamp(0, 1)

    @contextmanager
    def playing(self) -> Iterator[None]:
        """The network is in evaluation mode inside the block."""
        training = self.network.training
        self.network.eval()
        try:
            yield
        finally:
            self.network.train(training)

    def save(self, folder: Path, network: Any) -> None:
        """Write a pipeline that diffusers loads, with ``network`` for its own."""
        pipeline = copy(self._family.pipeline)
        pipeline.register_modules(**{self._family.network: network})
        save_pipeline(folder, pipeline)

    def _precision(self) -> Any:
        return torch.autocast(self.device.type, self._compute, enabled=self._compute != torch.float32)
