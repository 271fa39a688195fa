"""Rewards of pictures, each built from a recipe by its ``class_path`` and ``init_args``."""

from rsoup_lightning.modalities.diffusion.rewards.aesthetic import AestheticHead
from rsoup_lightning.modalities.diffusion.rewards.classifiers import ImageClassifier
from rsoup_lightning.modalities.diffusion.rewards.clip import ClipSimilarity
from rsoup_lightning.modalities.diffusion.rewards.colour import Brightness, Colourfulness
from rsoup_lightning.modalities.diffusion.rewards.compression import Compressibility, Incompressibility
from rsoup_lightning.modalities.diffusion.rewards.function import ImageFunction
from rsoup_lightning.modalities.diffusion.rewards.guards import PixelVariance, Realism, Recognition
from rsoup_lightning.modalities.diffusion.rewards.images import ImageReward
from rsoup_lightning.modalities.diffusion.rewards.trained import TrainedStyle
from rsoup_lightning.modalities.diffusion.rewards.warmth import Warmth

__all__ = [
    "AestheticHead",
    "Brightness",
    "ClipSimilarity",
    "Colourfulness",
    "Compressibility",
    "ImageClassifier",
    "ImageFunction",
    "ImageReward",
    "Incompressibility",
    "PixelVariance",
    "Realism",
    "Recognition",
    "TrainedStyle",
    "Warmth",
]
