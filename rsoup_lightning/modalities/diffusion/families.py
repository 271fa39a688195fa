"""The families that can be trained: what each tells its network beside the latents.

Notation: B rows; latents are ``[B, C, H, W]``.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.diffusion.family import Conditions, Family
from rsoup_lightning.optional import need


class StableDiffusion(Family):
    """Versions 1 and 2 (Rombach et al. 2022)."""

    network = "unet"
    absent: ClassVar = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}

    def encode(self, prompt: str | None, device: torch.device) -> Conditions:
        return {"encoder_hidden_states": self._encoded(prompt or "", device)[0]}


class StableDiffusionXL(Family):
    """Two text encoders, and the size of the image as an input (Podell et al. 2024)."""

    network = "unet"
    encoders = ("text_encoder", "text_encoder_2")
    absent: ClassVar = {"add_watermarker": False}

    def encode(self, prompt: str | None, device: torch.device) -> Conditions:
        words, _, pooled, _ = self._encoded(prompt or "", device)
        if prompt is None and self.pipeline.config.force_zeros_for_empty_prompt:
            words, pooled = torch.zeros_like(words), torch.zeros_like(pooled)
        return {"encoder_hidden_states": words, "text_embeds": pooled}

    def ask(self, network: Any, latents: Tensor, times: Tensor, told: Mapping[str, Any], guidance: float) -> Tensor:
        height, width = (side * self.pipeline.vae_scale_factor for side in latents.shape[2:])
        sizes = torch.tensor([height, width, 0, 0, height, width], device=latents.device, dtype=latents.dtype)
        added = {"text_embeds": told["text_embeds"], "time_ids": sizes.expand(len(latents), -1)}
        known = {"encoder_hidden_states": told["encoder_hidden_states"], "added_cond_kwargs": added}
        return super().ask(network, latents, times, known, guidance)

    def unscaled(self, latents: Tensor) -> Tensor:
        mean, std = (self.pipeline.vae.config.get(f"latents_{name}") for name in ("mean", "std"))
        if mean is None or std is None:
            return super().unscaled(latents)
        mean, std = (torch.tensor(each).view(1, -1, 1, 1).to(latents) for each in (mean, std))
        return super().unscaled(latents * std) + mean


class StableDiffusion3(Family):
    """Versions 3 and 3.5 (Esser et al. 2024), with T5 or without."""

    encoders = ("text_encoder", "text_encoder_2")
    flow = True
    reads = 256

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        self.patch = self.config.patch_size

    def encode(self, prompt: str | None, device: torch.device) -> Conditions:
        words, _, pooled, _ = self._encoded(prompt or "", device, prompt_2=None, prompt_3=None)
        return {"encoder_hidden_states": words, "pooled_projections": pooled}

    def spacing(self, steps: int, shape: tuple[int, int, int]) -> dict[str, Any]:
        return _shift(self.pipeline.scheduler, shape, self.patch)


class Flux(Family):
    """FLUX.1, dev and schnell (Black Forest Labs 2024)."""

    encoders = ("text_encoder", "text_encoder_2")
    flow = True
    distilled = True
    reads = 512
    patch = 2

    def encode(self, prompt: str | None, device: torch.device) -> Conditions:
        words, pooled, _ = self.pipeline.encode_prompt(prompt or "", device=device)
        return {"encoder_hidden_states": words, "pooled_projections": pooled}

    def ask(self, network: Any, latents: Tensor, times: Tensor, told: Mapping[str, Any], guidance: float) -> Tensor:
        height, width = (side // 2 for side in latents.shape[2:])
        axes = (torch.arange(side, device=latents.device, dtype=latents.dtype) for side in (1, height, width))
        places = torch.cartesian_prod(*axes)
        answer = network(
            F.pixel_unshuffle(latents, 2).flatten(2).transpose(1, 2),
            timestep=times / 1000,
            guidance=torch.full_like(times, guidance) if self.config.guidance_embeds else None,
            img_ids=places,
            txt_ids=torch.zeros_like(told["encoder_hidden_states"][0, :, :3]),
            return_dict=False,
            **told,
        )[0]
        return F.pixel_shuffle(answer.transpose(1, 2).unflatten(2, (height, width)), 2)

    def own_size(self) -> int:
        size: int = self.pipeline.default_sample_size
        return size

    def channels(self) -> int:
        return int(self.config.in_channels) // 4

    def spacing(self, steps: int, shape: tuple[int, int, int]) -> dict[str, Any]:
        return {"sigmas": np.arange(steps, 0, -1) / steps, **_shift(self.pipeline.scheduler, shape, self.patch)}

    def check_guidance(self, guidance: float) -> None:
        super().check_guidance(guidance)
        if guidance != 1 and not self.config.guidance_embeds:
            raise ConfigError(f"guidance is {guidance}, and this FLUX was distilled to need none: set it to 1")


class PixArt(Family):
    """PixArt-α and PixArt-Σ (Chen et al. 2024); prompts are lower-cased, and not cleaned of links and the like."""

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        self.patch = self.config.patch_size
        self._sigma = type(pipeline).__name__ == "PixArtSigmaPipeline"
        self.reads = 300 if self._sigma else 120

    def encode(self, prompt: str | None, device: torch.device) -> Conditions:
        words, mask, _, _ = self._encoded(prompt or "", device, clean_caption=False)
        return {"encoder_hidden_states": words, "encoder_attention_mask": mask}

    def ask(self, network: Any, latents: Tensor, times: Tensor, told: Mapping[str, Any], guidance: float) -> Tensor:
        sizes: dict[str, Tensor | None] = {"resolution": None, "aspect_ratio": None}
        if self.config.sample_size == 128 and not self._sigma:
            height, width = (side * self.pipeline.vae_scale_factor for side in latents.shape[2:])
            made = torch.tensor([height, width, height / width], device=latents.device, dtype=latents.dtype)
            both = made.expand(len(latents), -1)
            sizes = {"resolution": both[:, :2], "aspect_ratio": both[:, 2:]}
        return super().ask(network, latents, times, {**told, "added_cond_kwargs": sizes}, guidance)


class Sana(Family):
    """Sana 1.0 and 1.5 (Xie et al. 2025), whose text encoder is told to enhance a prompt, as diffusers does it."""

    flow = True
    reads = 300

    def encode(self, prompt: str | None, device: torch.device) -> Conditions:
        call = inspect.signature(type(self.pipeline).__call__)
        instruction = None if prompt is None else call.parameters["complex_human_instruction"].default
        words, mask, _, _ = self._encoded(prompt or "", device, complex_human_instruction=instruction)
        return {"encoder_hidden_states": words, "encoder_attention_mask": mask}

    def ask(self, network: Any, latents: Tensor, times: Tensor, told: Mapping[str, Any], guidance: float) -> Tensor:
        return super().ask(network, latents, times * self.config.timestep_scale, told, guidance)


def _shift(scheduler: Any, shape: tuple[int, int, int], patch: int) -> dict[str, float]:
    """How far the timesteps of a flow are moved towards noise for images of a size, where its scheduler says so."""
    settings = scheduler.config
    if not settings.get("use_dynamic_shifting"):
        return {}
    bounds = [settings.base_image_seq_len, settings.max_image_seq_len, settings.base_shift, settings.max_shift]
    shift = need("diffusers.pipelines.flux.pipeline_flux", "diffusers", "diffusion").calculate_shift
    return {"mu": shift((shape[1] // patch) * (shape[2] // patch), *bounds)}


FAMILIES: dict[str, type[Family]] = {
    "StableDiffusionPipeline": StableDiffusion,
    "StableDiffusionXLPipeline": StableDiffusionXL,
    "StableDiffusion3Pipeline": StableDiffusion3,
    "FluxPipeline": Flux,
    "PixArtAlphaPipeline": PixArt,
    "PixArtSigmaPipeline": PixArt,
    "SanaPipeline": Sana,
}
"""By the name of the pipeline's class in diffusers."""


def family_class(name: str) -> type[Family]:
    """The family of a pipeline's class.

    Raises:
        ConfigError: it is of no kind that is known here.
    """
    if name not in FAMILIES:
        raise ConfigError(f"a {name} is none of the pipelines that can be trained: {', '.join(FAMILIES)}")
    return FAMILIES[name]
