"""The pre-trained pipeline under a policy, as diffusers loads it."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from torch import nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.diffusion.families import FAMILIES, family_class
from rsoup_lightning.modalities.loading import load_pretrained, quiet_transformers
from rsoup_lightning.optional import need

WHAT = "text-to-image pipeline"

SchedulerChoice = Literal["own", "ddim", "flow"]


class PipelineSource(ABC):
    """Where a pre-trained pipeline comes from."""

    @abstractmethod
    def load(self) -> Any:
        """A pipeline of diffusers, of one of :data:`FAMILIES`, its weights in float32.

        Raises:
            ConfigError: it is not there; says what to give instead.
        """


class PretrainedPipeline(PipelineSource):
    """A pipeline of diffusers: Stable Diffusion 1 to 3.5 or XL, FLUX.1, PixArt, Sana.

    Args:
        name: a hub name such as ``org/model``, or the path of a folder.
        scheduler: the pipeline's own, or in its place ddim on the same noise schedule, or flow where the pipeline was
            trained by flow matching.
    """

    def __init__(self, name: str, scheduler: SchedulerChoice = "own") -> None:
        self.name = name
        self.scheduler = scheduler

    def load(self) -> Any:
        pipeline = load_pipeline(self.name)
        kind, settings = type(pipeline).__name__, pipeline.scheduler.config
        if self.scheduler != "own" and (self.scheduler == "flow") != FAMILIES[kind].flow:
            trained = "flow matching" if FAMILIES[kind].flow else "denoising"
            raise ConfigError(f"scheduler is {self.scheduler}, and {kind} was trained by {trained}: set it to own")
        if self.scheduler == "ddim":
            # The default of diffusers is for pixels: latents of data do not end at 1.
            clip = settings.get("clip_sample", False)
            pipeline.scheduler = _diffusers().DDIMScheduler.from_config(settings, clip_sample=clip)
        if self.scheduler == "flow":
            shift = settings.get("flow_shift", settings.get("shift", 1.0))
            pipeline.scheduler = _diffusers().FlowMatchEulerDiscreteScheduler.from_config(settings, shift=shift)
        return pipeline


def load_pipeline(name: str) -> Any:
    """The pipeline of a hub name or folder, in float32, without its safety checker.

    Raises:
        ConfigError: it cannot be loaded, is of an unknown kind, lacks a part, or has an adapter beside it; says what to
            give instead.
    """
    _refuse_adapters(user_path(name))
    with _quiet():
        kind = load_pretrained(_diffusers().DiffusionPipeline.load_config, name, WHAT)["_class_name"]
        family = family_class(kind)
        pipeline = load_pretrained(getattr(_diffusers(), kind).from_pretrained, name, WHAT, **family.absent)
    parts = pipeline.components
    tokenizers = [encoder.replace("text_encoder", "tokenizer") for encoder in family.encoders]
    for part in ("vae", *family.encoders, *tokenizers, family.network, "scheduler"):
        if parts[part] is None:
            raise ConfigError(f"the pipeline {name} lacks its {part}: save all of it with diffusers' save_pretrained")
    for model in parts.values():
        if isinstance(model, nn.Module):
            model.float()  # whatever it was saved in
    return pipeline


def _refuse_adapters(folder: Path) -> None:
    """Require that no adapter lies in a folder: diffusers would load what is there without it.

    Raises:
        ConfigError: there is one.
    """
    places = [folder, *(folder / part for part in ("unet", "transformer", "text_encoder", "vae"))]
    files = [place / name for place in places for name in ("adapter_config.json", "pytorch_lora_weights.safetensors")]
    for file in files:
        if file.is_file():
            folded = folder / "pipeline"  # as policies are exported
            cure = (
                f"give {folded}, where it is folded in" if folded.is_dir() else "fold it in with diffusers' fuse_lora"
            )
            raise ConfigError(f"{file} is of an adapter, which would be left out: {cure}, or take it away")


def save_pipeline(folder: Path, pipeline: Any) -> None:
    """Write a folder that diffusers loads."""
    with _quiet():
        pipeline.save_pretrained(folder)


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars for what takes a second."""
    logging = need("diffusers.utils.logging", "diffusers", "diffusion")
    logging.disable_progress_bar()
    try:
        with quiet_transformers(), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "The `local_dir_use_symlinks`", UserWarning
            )  # which diffusers itself gives
            yield
    finally:
        logging.enable_progress_bar()


def _diffusers() -> Any:
    return need("diffusers", "diffusers", "diffusion")
