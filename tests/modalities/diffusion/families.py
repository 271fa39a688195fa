"""A tiny pipeline of each kind that diffusers has and this package trains: the real classes, random weights, 16 pixels
(32 for Sana, whose pipeline takes no less)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from rsoup_lightning.modalities.diffusion.families import StableDiffusion
from rsoup_lightning.modalities.diffusion.pipeline import PipelineSource
from rsoup_lightning.modalities.diffusion.word_tokenizer import word_tokenizer
from tests.modalities.diffusion.tiny import Colours

LATENTS = 8  # height and width


class OfKind(PipelineSource):
    """A tiny pipeline of a kind.

    Args:
        kind: its number in :data:`MAKERS`.
        seed: of its weights.
    """

    def __init__(self, kind: str, seed: int = 0) -> None:
        self.kind, self.seed = kind, seed

    def load(self) -> Any:
        return pipeline(self.kind, self.seed)


def pipeline(kind: str, seed: int = 0) -> Any:
    """One with large random weights, so that its images depend on the prompt."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = MAKERS[kind]()
        for part in made.components.values():
            if isinstance(part, nn.Module):
                part.eval()
                for parameter in part.parameters():
                    parameter.data += 0.05 * torch.randn_like(parameter)
    made.set_progress_bar_config(disable=True)
    return made


def stable_diffusion() -> Any:
    from diffusers import StableDiffusionPipeline

    parts = {"vae": _vae(4), "unet": _unet(), "scheduler": _ddim(), **_readers(_clip)}
    return StableDiffusionPipeline(**parts, **StableDiffusion.absent)


def stable_diffusion_xl() -> Any:
    from diffusers import StableDiffusionXLPipeline

    added = {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 16,
        "use_linear_projection": True,
    }
    parts = {"vae": _vae(4), "unet": _unet(cross_attention_dim=32, **added), "scheduler": _ddim()}
    return StableDiffusionXLPipeline(**parts, **_readers(_clip, _clip_projected), add_watermarker=False)


def stable_diffusion_3() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

    network = SD3Transformer2DModel(
        sample_size=LATENTS,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        caption_projection_dim=16,
        pooled_projection_dim=32,
        pos_embed_max_size=8,
    )
    parts = {
        "vae": _vae(4, shift_factor=0.1),
        "transformer": network,
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
    }
    return StableDiffusion3Pipeline(**parts, **_readers(_clip_projected, _clip_projected, _t5))


def flux(guidance_embeds: bool = True) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

    network = FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=16,
        guidance_embeds=guidance_embeds,
        axes_dims_rope=(4, 4, 8),
    )
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=guidance_embeds)
    made = FluxPipeline(vae=_vae(4, shift_factor=0.1), transformer=network, scheduler=scheduler, **_readers(_clip, _t5))
    made.default_sample_size = LATENTS
    return made


def pixart(kind: str) -> Any:
    import diffusers

    network = diffusers.PixArtTransformer2DModel(
        sample_size=LATENTS,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=2,
        in_channels=4,
        out_channels=8,
        cross_attention_dim=16,
        caption_channels=32,
        norm_num_groups=1,
        use_additional_conditions=False,
    )
    return getattr(diffusers, kind)(vae=_vae(4), transformer=network, scheduler=_ddim(), **_readers(_t5))


def sana() -> Any:
    from diffusers import AutoencoderDC, FlowMatchEulerDiscreteScheduler, SanaPipeline, SanaTransformer2DModel

    network = SanaTransformer2DModel(
        sample_size=2 * LATENTS,
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        num_attention_heads=2,
        attention_head_dim=4,
        num_cross_attention_heads=2,
        cross_attention_head_dim=4,
        cross_attention_dim=8,
        caption_channels=32,
    )
    vae = AutoencoderDC(
        latent_channels=4,
        attention_head_dim=2,
        encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1),
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41407,
    )
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    return SanaPipeline(vae=vae, transformer=network, scheduler=scheduler, **_readers(_gemma))


MAKERS: dict[str, Callable[[], Any]] = {
    "StableDiffusionPipeline": stable_diffusion,
    "StableDiffusionXLPipeline": stable_diffusion_xl,
    "StableDiffusion3Pipeline": stable_diffusion_3,
    "FluxPipeline": flux,
    "PixArtAlphaPipeline": partial(pixart, "PixArtAlphaPipeline"),
    "PixArtSigmaPipeline": partial(pixart, "PixArtSigmaPipeline"),
    "SanaPipeline": sana,
}


def _readers(*encoders: Callable[[Any], Any]) -> dict[str, Any]:
    """Text encoders with a tokenizer each, by the names of parts."""
    parts: dict[str, Any] = {}
    for number, encoder in enumerate(encoders, 1):
        tokenizer = word_tokenizer([entry.question for entry in Colours().entries("eval")])
        end = "" if number == 1 else f"_{number}"
        parts |= {f"tokenizer{end}": tokenizer, f"text_encoder{end}": encoder(tokenizer)}
    return parts


def _clip_config(tokenizer: Any) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=16,
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _clip(tokenizer: Any) -> Any:
    from transformers import CLIPTextModel

    return CLIPTextModel(_clip_config(tokenizer))


def _clip_projected(tokenizer: Any) -> Any:
    from transformers import CLIPTextModelWithProjection

    return CLIPTextModelWithProjection(_clip_config(tokenizer))


def _t5(tokenizer: Any) -> Any:
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=16, num_layers=1, num_heads=2))


def _gemma(tokenizer: Any) -> Any:
    from transformers import Gemma2Config, Gemma2Model

    return Gemma2Model(
        Gemma2Config(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


def _vae(channels: int, **options: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        sample_size=2 * LATENTS,
        latent_channels=channels,
        block_out_channels=(8, 8),
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        norm_num_groups=2,
        **options,
    )


def _unet(cross_attention_dim: int = 16, heads: Sequence[int] = (2, 2), **options: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=LATENTS,
        block_out_channels=(16, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=cross_attention_dim,
        attention_head_dim=heads,
        norm_num_groups=4,
        **options,
    )


def _ddim() -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(beta_start=0.00085, beta_end=0.012, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
