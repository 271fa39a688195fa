"""Rewards of texts, each built from a recipe by its ``class_path`` and ``init_args``."""

from rsoup_lightning.modalities.language.rewards.callables import Function
from rsoup_lightning.modalities.language.rewards.classifiers import SequenceClassifier
from rsoup_lightning.modalities.language.rewards.overlap import EmbeddingSimilarity, Rouge
from rsoup_lightning.modalities.language.rewards.tokens import Brevity, Fluency
from rsoup_lightning.modalities.language.rewards.trained import TrainedClassifier
from rsoup_lightning.modalities.language.rewards.vader import Vader

__all__ = [
    "Brevity",
    "EmbeddingSimilarity",
    "Fluency",
    "Function",
    "Rouge",
    "SequenceClassifier",
    "TrainedClassifier",
    "Vader",
]
