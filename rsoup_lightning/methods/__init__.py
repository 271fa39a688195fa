"""How experts are trained, and how a preference becomes one policy: a file per method."""

from rsoup_lightning.methods.anchors import Anchors
from rsoup_lightning.methods.bone_soup import BoneSoup
from rsoup_lightning.methods.conditioned import Conditioned
from rsoup_lightning.methods.iterated_soup import IteratedSoup
from rsoup_lightning.methods.method import Method
from rsoup_lightning.methods.morl import MORL
from rsoup_lightning.methods.output_mixing import OutputMixing
from rsoup_lightning.methods.rewarded_soup import RewardedSoup
from rsoup_lightning.methods.warp import WARP

__all__ = [
    "MORL",
    "WARP",
    "Anchors",
    "BoneSoup",
    "Conditioned",
    "IteratedSoup",
    "Method",
    "OutputMixing",
    "RewardedSoup",
]
