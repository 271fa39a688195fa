"""Simulator steps, collected into a rollout.

Notation: B = N simulator copies, T steps, A action size.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsoup_lightning.modalities.control.info import signal
from rsoup_lightning.modalities.control.simulator import SimulatorStep
from rsoup_lightning.rollout import Rollout

Columns = dict[str, NDArray[np.generic]]


class Recording:
    """Steps of all copies, in order."""

    def __init__(self) -> None:
        self._steps: list[Columns] = []
        self._signals: list[Columns] = []

    def __len__(self) -> int:
        return len(self._steps)

    def add(
        self,
        observations: np.ndarray,
        actions: np.ndarray,
        applied: np.ndarray,
        result: SimulatorStep,
        *,
        counted: np.ndarray,
    ) -> None:
        """Add a step of all copies; ``counted [N]`` is false for copies that only reset."""
        self._steps.append(
            {
                "mask": counted,
                "terminated": result.terminated & counted,
                "truncated": result.truncated & counted,
                "observations": observations.reshape(len(observations), -1),
                "actions": actions,
            }
        )
        reward = "native_reward" if result.rewards.ndim == 1 else "reward_vector"
        reported = {signal(key): column for key, column in result.info.items()}
        self._signals.append({**reported, "applied": applied, reward: result.rewards})

    def rollout(self, log_probs: Tensor, last_observations: np.ndarray, **context: Tensor) -> Rollout:
        """Everything added so far, on the device of ``log_probs [B, T]``."""
        steps, signals = _stacked(self._steps), _stacked(self._signals)
        flags = {name: torch.from_numpy(steps.pop(name)) for name in ("mask", "terminated", "truncated")}
        last = torch.from_numpy(last_observations.reshape(len(last_observations), -1)).float()
        return Rollout(
            log_probs=log_probs.cpu(),
            steps={name: torch.from_numpy(column).float() for name, column in steps.items()},
            signals={name: torch.from_numpy(column).float() for name, column in signals.items()},
            context={"last_observations": last, **context},
            mask=flags["mask"],
            terminated=flags["terminated"],
            truncated=flags["truncated"],
        ).to(log_probs.device)


def _stacked(steps: list[Columns]) -> Columns:
    """T mappings of ``[B, ...]`` as one mapping of ``[B, T, ...]``; zero on the steps that lack a name.

    A step on which every copy resets reports nothing: nothing moved, and nothing of it counts. What has another shape
    from one step to the next, as a list that grows, is left out.
    """
    examples = {name: column for step in steps for name, column in step.items()}
    growing = {name for step in steps for name, column in step.items() if column.shape != examples[name].shape}
    zeros = {name: np.zeros_like(example) for name, example in examples.items() if name not in growing}
    return {name: np.stack([step.get(name, zero) for step in steps], axis=1) for name, zero in zeros.items()}
