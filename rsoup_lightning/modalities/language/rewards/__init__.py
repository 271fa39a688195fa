"""Rewards of texts, each built from a recipe by its ``class_path`` and ``init_args``."""

from rsoup_lightning.modalities.language.rewards.classifiers import SequenceClassifier
from rsoup_lightning.modalities.language.rewards.function import TextFunction
from rsoup_lightning.modalities.language.rewards.ideal_length import IdealLength
from rsoup_lightning.modalities.language.rewards.overlap import ContentOverlap, EmbeddingSimilarity, Rouge
from rsoup_lightning.modalities.language.rewards.trained import TrainedClassifier
from rsoup_lightning.modalities.language.rewards.vader import Vader
from rsoup_lightning.modalities.tokens import Brevity, Fluency, Specificity

__all__ = [
    "Brevity",
    "ContentOverlap",
    "EmbeddingSimilarity",
    "Fluency",
    "IdealLength",
    "Rouge",
    "SequenceClassifier",
    "Specificity",
    "TextFunction",
    "TrainedClassifier",
    "Vader",
]
