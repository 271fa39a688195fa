"""Control: policies that act in simulators, step by step."""

from rsoup_lightning.modalities.control.environment import SimulatorEnvironment
from rsoup_lightning.modalities.control.policy import ControlPolicy, GaussianMLP

__all__ = ["ControlPolicy", "GaussianMLP", "SimulatorEnvironment"]
