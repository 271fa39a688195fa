"""Rewarded soups in PyTorch Lightning: one expert per reward, any preference by weight interpolation.

The names below load on first use, so that ``import rsoup_lightning`` costs no more than Python itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_EXPORTS = {
    "Environment": "environment",
    "Front": "playing.front",
    "Policy": "policy",
    "PolicyOutput": "policy",
    "RSoupError": "errors",
    "Reward": "rewards",
    "RewardFineTuner": "module",
    "Rollout": "rollout",
    "Soup": "playing.soup",
    "SoupCallback": "run.trainer.callbacks",
    "Task": "registry",
    "bench": "comparing.bench",
    "load": "playing.load",
    "merge": "merging.on_disk",
    "pick": "run.finished.pick",
    "push": "run.finished.push",
    "soup": "playing.train",
}

__all__ = [*_EXPORTS, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
