"""Control: policies that act in simulators, step by step."""

from rsoup_lightning.modalities.control.categorical import CategoricalMLP
from rsoup_lightning.modalities.control.environment import SimulatorEnvironment
from rsoup_lightning.modalities.control.gaussian import GaussianMLP
from rsoup_lightning.modalities.control.policy import ControlPolicy

__all__ = ["CategoricalMLP", "ControlPolicy", "GaussianMLP", "SimulatorEnvironment"]
