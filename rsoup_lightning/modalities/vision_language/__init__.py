"""Pictures in, words out: captioners and answerers as policies, rewarded as texts."""

from rsoup_lightning.modalities.vision_language.environment import PictureEnvironment
from rsoup_lightning.modalities.vision_language.fine_tuner import VisionLanguageFineTuner
from rsoup_lightning.modalities.vision_language.policy import VisionLanguagePolicy

__all__ = ["PictureEnvironment", "VisionLanguageFineTuner", "VisionLanguagePolicy"]
