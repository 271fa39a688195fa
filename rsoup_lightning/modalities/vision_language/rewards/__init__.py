"""Rewards of what is said of a picture, each built from a recipe by its ``class_path`` and ``init_args``."""

from rsoup_lightning.modalities.vision_language.rewards.boxed import BoxHit, BoxReward, IdealRoom
from rsoup_lightning.modalities.vision_language.rewards.captioned import (
    Accuracy,
    Bleu,
    CaptionReward,
    CiderD,
    Meteor,
    RougeL,
)
from rsoup_lightning.modalities.vision_language.rewards.picture import PictureReward

__all__ = [
    "Accuracy",
    "Bleu",
    "BoxHit",
    "BoxReward",
    "CaptionReward",
    "CiderD",
    "IdealRoom",
    "Meteor",
    "PictureReward",
    "RougeL",
]
