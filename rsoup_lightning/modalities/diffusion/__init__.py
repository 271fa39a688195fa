"""Text to image: denoisers as policies, prompts in, images out."""

from rsoup_lightning.modalities.diffusion.environment import PromptEnvironment
from rsoup_lightning.modalities.diffusion.fine_tuner import DiffusionFineTuner
from rsoup_lightning.modalities.diffusion.picture_prompts import PicturePrompts
from rsoup_lightning.modalities.diffusion.pipeline import PretrainedPipeline
from rsoup_lightning.modalities.diffusion.policy import DiffusionPolicy
from rsoup_lightning.modalities.diffusion.small import SmallPipeline

__all__ = [
    "DiffusionFineTuner",
    "DiffusionPolicy",
    "PicturePrompts",
    "PretrainedPipeline",
    "PromptEnvironment",
    "SmallPipeline",
]
