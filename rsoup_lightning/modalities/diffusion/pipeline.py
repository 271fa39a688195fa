"""The pre-trained pipeline under a policy: any of the Stable Diffusion family, as diffusers loads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.loading import load_pretrained, quiet_transformers
from rsoup_lightning.optional import need

SchedulerChoice = Literal["own", "ddim"]


class PipelineSource(ABC):
    """Where a pre-trained pipeline comes from."""

    @abstractmethod
    def load(self) -> Any:
        """A ``StableDiffusionPipeline`` of diffusers, its weights in float32.

        Raises:
            ConfigError: it is not there; says what to give instead.
        """


class PretrainedPipeline(PipelineSource):
    """A pipeline of the Stable Diffusion family (Rombach et al. 2022), versions 1 and 2.

    Args:
        name: a hub name such as ``org/model``, or the path of a folder.
        scheduler: the pipeline's own, or ddim in its place, on the same noise schedule.
    """

    def __init__(self, name: str, scheduler: SchedulerChoice = "own") -> None:
        self.name = name
        self.scheduler = scheduler

    def load(self) -> Any:
        pipeline = load_pipeline(self.name)
        if self.scheduler == "ddim":
            settings = pipeline.scheduler.config
            # The default of diffusers is for pixels: latents of data do not end at 1.
            clip = settings.get("clip_sample", False)
            pipeline.scheduler = _diffusers().DDIMScheduler.from_config(settings, clip_sample=clip)
        return pipeline


def load_pipeline(name: str) -> Any:
    """The ``StableDiffusionPipeline`` of a hub name or folder, in float32, without its safety checker.

    Raises:
        ConfigError: it cannot be loaded, lacks a part, or has an adapter beside it; says what to give instead.
    """
    _refuse_adapters(user_path(name))
    absent = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    with _quiet():
        pipeline = load_pretrained(
            _diffusers().StableDiffusionPipeline.from_pretrained, name, "Stable Diffusion pipeline", **absent
        )
    for part in ("vae", "text_encoder", "tokenizer", "unet", "scheduler"):
        if pipeline.components[part] is None:
            raise ConfigError(f"the pipeline {name} lacks its {part}: save all of it with diffusers' save_pretrained")
    for model in (pipeline.vae, pipeline.text_encoder, pipeline.unet):
        model.float()  # whatever it was saved in
    return pipeline


def _refuse_adapters(folder: Path) -> None:
    """Require that no adapter lies in a folder: diffusers would load what is there without it.

    Raises:
        ConfigError: there is one.
    """
    places = [folder, *(folder / part for part in ("unet", "text_encoder", "vae"))]
    files = [place / name for place in places for name in ("adapter_config.json", "pytorch_lora_weights.safetensors")]
    for file in files:
        if file.is_file():
            folded = folder / "pipeline"  # as policies are exported
            cure = (
                f"give {folded}, where it is folded in" if folded.is_dir() else "fold it in with diffusers' fuse_lora"
            )
            raise ConfigError(f"{file} is of an adapter, which would be left out: {cure}, or take it away")


def save_pipeline(folder: Path, vae: Any, text_encoder: Any, tokenizer: Any, unet: Any, scheduler: Any) -> None:
    """Write the parts as a folder that ``StableDiffusionPipeline.from_pretrained`` loads."""
    parts = {"vae": vae, "text_encoder": text_encoder, "tokenizer": tokenizer, "unet": unet, "scheduler": scheduler}
    with _quiet():
        pipeline = _diffusers().StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
        pipeline.save_pretrained(folder)


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars for what takes a second."""
    logging = need("diffusers.utils.logging", "diffusers", "diffusion")
    logging.disable_progress_bar()
    try:
        with quiet_transformers():
            yield
    finally:
        logging.enable_progress_bar()


def _diffusers() -> Any:
    return need("diffusers", "diffusers", "diffusion")
