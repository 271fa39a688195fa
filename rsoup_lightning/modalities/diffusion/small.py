"""A latent diffusion of a few million parameters, pre-trained in minutes on the training split of the data at hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.cache import cached_folder
from rsoup_lightning.modalities.data import PictureData
from rsoup_lightning.modalities.diffusion.families import StableDiffusion
from rsoup_lightning.modalities.diffusion.pipeline import PipelineSource, load_pipeline, save_pipeline
from rsoup_lightning.modalities.diffusion.prompts import encode_tokens
from rsoup_lightning.modalities.diffusion.sampling import noised
from rsoup_lightning.modalities.diffusion.schedules import shares
from rsoup_lightning.modalities.diffusion.word_tokenizer import word_tokenizer
from rsoup_lightning.modalities.pictures import as_bytes
from rsoup_lightning.modalities.pretraining import HEAD, Pretraining, pretrain
from rsoup_lightning.optional import need

PICTURES_AT_A_TIME = 256  # through the encoder
AUTOENCODING = Pretraining(steps=600, batch_size=64, learning_rate=2e-3, weight_decay=0.0)
DENOISING = Pretraining(steps=2000, batch_size=64, average=0.995)
LOOKED_AT = 16  # pictures whose pixels tell one data set from another of the same names


class SmallPipeline(PipelineSource):
    """The classes of Stable Diffusion at a small size. The first use trains them, later ones with the same settings and
    data read them from the cache folder (RSOUP_CACHE), a folder that ``StableDiffusionPipeline`` loads.

    First the autoencoder learns the pictures; then, on its latents, denoiser and text encoder learn together from
    pictures and the first reference of each.

    Args:
        data: what it learns; its training split.
        image_size: width and height in pixels that pictures are brought to.
        latent_channels: of latents.
        vae_channels: of the autoencoder's levels; each but the last halves width and height.
        channels: of the denoiser's levels; multiples of 32, each but the last halves width and height.
        layers: residual blocks per level.
        text_width: of the text encoder; a multiple of 32.
        text_layers: of the text encoder.
        kl_weight: of the autoencoder's KL divergence per latent number, beside the absolute error per pixel.
        dropout: share of prompts left empty in training, for classifier-free guidance.
        autoencoding: how the autoencoder is trained.
        denoising: how denoiser and text encoder are trained.
    """

    def __init__(
        self,
        data: PictureData,
        image_size: int = 32,
        latent_channels: int = 4,
        vae_channels: Sequence[int] = (16, 32, 64),
        channels: Sequence[int] = (64, 128),
        layers: int = 1,
        text_width: int = 128,
        text_layers: int = 2,
        kl_weight: float = 1e-4,
        dropout: float = 0.1,
        autoencoding: Pretraining = AUTOENCODING,
        denoising: Pretraining = DENOISING,
    ) -> None:
        self.latent_size = image_size // 2 ** (len(vae_channels) - 1)
        if image_size % 2 ** (len(vae_channels) - 1) or self.latent_size % 2 ** (len(channels) - 1):
            raise ConfigError(f"image_size {image_size} cannot be halved for each of vae_channels and channels but one")
        if any(width % HEAD for width in (*channels, text_width)):
            raise ConfigError(f"channels {list(channels)} and text_width {text_width} must be multiples of {HEAD}")
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout is {dropout}: it must be at least 0 and below 1")
        self.data = data
        self.image_size = image_size
        self.latent_channels = latent_channels
        self.vae_channels = list(vae_channels)
        self.channels = list(channels)
        self.layers = layers
        self.text_width = text_width
        self.text_layers = text_layers
        self.kl_weight = kl_weight
        self.dropout = dropout
        self.autoencoding = autoencoding
        self.denoising = denoising

    def load(self) -> Any:
        pairs = self._pairs()
        return load_pipeline(
            str(cached_folder("diffusion", self._settings(pairs), lambda path: self._make(path, pairs)))
        )

    def build_vae(self) -> Any:
        """The autoencoder with random weights."""
        levels = len(self.vae_channels)
        return need("diffusers", "diffusers", "diffusion").AutoencoderKL(
            sample_size=self.image_size,
            latent_channels=self.latent_channels,
            block_out_channels=self.vae_channels,
            down_block_types=["DownEncoderBlock2D"] * levels,
            up_block_types=["UpDecoderBlock2D"] * levels,
            norm_num_groups=_groups(self.vae_channels),
        )

    def build_unet(self) -> Any:
        """The denoiser with random weights."""
        levels = len(self.channels)
        return need("diffusers", "diffusers", "diffusion").UNet2DConditionModel(
            sample_size=self.latent_size,
            in_channels=self.latent_channels,
            out_channels=self.latent_channels,
            block_out_channels=self.channels,
            layers_per_block=self.layers,
            down_block_types=["CrossAttnDownBlock2D"] * levels,
            up_block_types=["CrossAttnUpBlock2D"] * levels,
            cross_attention_dim=self.text_width,
            attention_head_dim=[width // HEAD for width in self.channels],  # diffusers means the number of heads
            norm_num_groups=_groups(self.channels),
        )

    def build_text_encoder(self, tokenizer: Any) -> Any:
        """The text encoder with random weights."""
        transformers = need("transformers", "transformers", "text")
        config = transformers.CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.text_width,
            intermediate_size=4 * self.text_width,
            num_hidden_layers=self.text_layers,
            num_attention_heads=self.text_width // HEAD,
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            initializer_factor=1.0,
        )
        return transformers.CLIPTextModel(config)

    def build_scheduler(self) -> Any:
        """Stable Diffusion's noise schedule, in DDIM's steps."""
        return need("diffusers", "diffusers", "diffusion").DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        )

    def _pairs(self) -> list[tuple[str, str]]:
        """Each picture's name and prompt.

        Raises:
            ConfigError: there is none, or one without a reference.
        """
        items = self.data.items("train")
        bare = next((item.picture for item in items if not item.references or not item.references[0].strip()), None)
        if bare is not None or not items:
            culprit = f"{bare} has none" if items else "there is no picture"
            raise ConfigError(f"a small pipeline learns from pictures with a reference each, and {culprit}")
        return [(item.picture, item.references[0]) for item in items]

    def _settings(self, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
        plans = {"autoencoding": vars(self.autoencoding), "denoising": vars(self.denoising)}
        digest = sha256(repr(pairs).encode())
        for name, _ in pairs[:LOOKED_AT]:
            digest.update(as_bytes(self.data.picture(name), self.image_size).numpy().tobytes())
        own = {name: value for name, value in vars(self).items() if name not in ("data", *plans)}
        return {**own, **plans, "pictures": digest.hexdigest()}

    def _make(self, folder: Path, pairs: Sequence[tuple[str, str]]) -> None:
        pixels = torch.stack([as_bytes(self.data.picture(name), self.image_size) for name, _ in pairs])
        prompts = [prompt for _, prompt in pairs]
        tokenizer, scheduler = word_tokenizer(prompts), self.build_scheduler()
        with torch.random.fork_rng():
            torch.manual_seed(self.autoencoding.seed)
            vae = self.build_vae()
            loss = self._autoencoding_loss(vae, pixels)
            pretrain(vae, loss, len(pixels), self.autoencoding, "pre-training of a small autoencoder")
            torch.manual_seed(self.denoising.seed)
            unet, text_encoder = self.build_unet(), self.build_text_encoder(tokenizer)
            moments = _moments(vae, pixels)
            vae.register_to_config(scaling_factor=1 / _sampled(moments).std().item())
            tokens, empty = encode_tokens(tokenizer, prompts), encode_tokens(tokenizer, [""])
            loss = self._denoising_loss(
                unet, text_encoder, moments * vae.config.scaling_factor, tokens, empty, scheduler
            )
            both = nn.ModuleList([unet, text_encoder])
            pretrain(both, loss, len(pixels), self.denoising, "pre-training of a small denoiser")
        parts = {"vae": vae, "text_encoder": text_encoder, "tokenizer": tokenizer, "unet": unet, "scheduler": scheduler}
        pipeline = need("diffusers", "diffusers", "diffusion").StableDiffusionPipeline
        save_pipeline(folder, pipeline(**parts, **StableDiffusion.absent))

    def _autoencoding_loss(self, vae: Any, pixels: Tensor) -> Callable[[Tensor], Tensor]:
        def loss(rows: Tensor) -> Tensor:
            shown = _centred(pixels[rows])
            posterior = vae.encode(shown).latent_dist
            error = F.l1_loss(vae.decode(posterior.sample()).sample, shown)
            return error + self.kl_weight * posterior.kl().mean() / posterior.mean[0].numel()

        return loss

    def _denoising_loss(
        self, unet: Any, text_encoder: Any, moments: Tensor, tokens: Tensor, empty: Tensor, scheduler: Any
    ) -> Callable[[Tensor], Tensor]:
        def loss(rows: Tensor) -> Tensor:
            shown = torch.where(torch.rand(len(rows), 1) < self.dropout, empty, tokens[rows])
            times = torch.randint(len(scheduler.alphas_cumprod), (len(rows),))
            clean = _sampled(moments[rows])
            both = shares(scheduler.alphas_cumprod[times])
            noisy, target = noised(clean, torch.randn_like(clean), both, scheduler.config.prediction_type)
            return F.mse_loss(unet(noisy, times, text_encoder(shown)[0]).sample, target)

        return loss


@torch.no_grad()
def _moments(vae: Any, pixels: Tensor) -> Tensor:
    """``[B, 2, C, H, W]`` mean and standard deviation of the latents of pictures."""
    parts = [vae.encode(_centred(part)).latent_dist for part in pixels.split(PICTURES_AT_A_TIME)]
    return torch.cat([torch.stack([part.mean, part.std], 1) for part in parts])


def _sampled(moments: Tensor) -> Tensor:
    mean, std = moments.unbind(1)
    return mean + std * torch.randn_like(mean)


def _centred(pixels: Tensor) -> Tensor:
    return pixels.float() / 127.5 - 1


def _groups(channels: Sequence[int]) -> int:
    """Groups of group normalisation: four channels at least in each, as Stable Diffusion's autoencoder has."""
    return max(math.gcd(*channels) // 4, 1)
