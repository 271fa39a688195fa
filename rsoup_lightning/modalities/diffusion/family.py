"""``Family``: a kind of pipelines of diffusers, what its network is told of a prompt, and how it is asked.

Notation: B rows, L tokens; latents are ``[B, C, H, W]``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError

Conditions = dict[str, Tensor]
"""What a network is told of prompts, by name, one row for each."""


class Family(ABC):
    """A pipeline of one kind.

    Args:
        pipeline: of diffusers.

    Attributes:
        network: name of the part that is trained.
        encoders: names of the text encoders that must be there; each ``text_encoder`` has its ``tokenizer``.
        absent: what is left out where a pipeline is loaded, as arguments of ``from_pretrained``.
        flow: whether it was trained by flow matching.
        distilled: whether guidance is an input of the network in place of a second answer without the prompt.
        reads: tokens of a prompt that are read by text encoders other than CLIP.
        patch: sides of latents must be multiples of it.
    """

    network: ClassVar[str] = "transformer"
    encoders: ClassVar[tuple[str, ...]] = ("text_encoder",)
    absent: ClassVar[dict[str, Any]] = {}
    flow: ClassVar[bool] = False
    distilled: ClassVar[bool] = False
    reads: int = 77
    patch: int = 1

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.config = pipeline.components[self.network].config

    @abstractmethod
    def encode(self, prompt: str | None, device: torch.device) -> Conditions:
        """What the network is told of one prompt, a row of each; of None: what guidance leads away from."""

    def ask(self, network: Any, latents: Tensor, times: Tensor, told: Mapping[str, Any], guidance: float) -> Tensor:
        """``[B, C, H, W]`` what ``network`` says of latents at the timesteps ``[B]`` and of what it is told.

        Args:
            guidance: only where the family is ``distilled``.
        """
        answer: Tensor = network(latents, timestep=times, **told, return_dict=False)[0]
        return answer[:, : latents.shape[1]]  # some say a variance too, which DDIM does not use

    def latent_shape(self, image_size: int | None = None) -> tuple[int, int, int]:
        """C, H and W of latents.

        Args:
            image_size: width and height of images; None: what the network was made for.

        Raises:
            ConfigError: a size that latents cannot have.
        """
        if image_size is None:
            size = self.own_size()
            height, width = (size, size) if isinstance(size, int) else size
            return self.channels(), height, width
        factor = self.pipeline.vae_scale_factor
        if image_size < 1 or image_size % (factor * self.patch):
            raise ConfigError(f"image_size is {image_size}: it must be a multiple of {factor * self.patch}")
        return self.channels(), image_size // factor, image_size // factor

    def own_size(self) -> int | list[int]:
        """Height and width of latents that the network was made for."""
        size: int | list[int] = self.config.sample_size
        return size

    def channels(self) -> int:
        """C."""
        return int(self.config.in_channels)

    def spacing(self, steps: int, shape: tuple[int, int, int]) -> dict[str, Any]:
        """Further arguments of the ``set_timesteps`` of a flow's scheduler, of T steps with latents of that shape."""
        return {}

    def unscaled(self, latents: Tensor) -> Tensor:
        """Finished latents as the autoencoder reads them."""
        config = self.pipeline.vae.config
        return latents / config.scaling_factor + (config.get("shift_factor") or 0.0)

    def check_guidance(self, guidance: float) -> None:
        """Require a scale that the network can be guided by.

        Raises:
            ConfigError: it cannot.
        """
        if guidance < 1:
            raise ConfigError(f"guidance is {guidance}: 1 is none, and larger numbers follow the prompt more closely")

    def readers(self) -> Iterator[tuple[Any, Any, int]]:
        """Text encoders, the tokenizer of each, and how many tokens of a prompt it reads."""
        parts = self.pipeline.components
        for name in sorted(name for name in parts if name.startswith("text_encoder") and parts[name] is not None):
            encoder, tokenizer = parts[name], parts[name.replace("text_encoder", "tokenizer")]
            is_clip = encoder.config.model_type.startswith("clip")
            yield encoder, tokenizer, tokenizer.model_max_length if is_clip else self.reads

    def _encoded(self, prompt: str, device: torch.device, **options: Any) -> Any:
        """The answer of the pipeline's ``encode_prompt``, of the prompt alone."""
        return self.pipeline.encode_prompt(
            prompt, device=device, num_images_per_prompt=1, do_classifier_free_guidance=False, **options
        )
