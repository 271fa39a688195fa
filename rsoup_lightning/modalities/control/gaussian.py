"""Actions that are numbers: a Gaussian around the actor's output.

Notation: N simulator copies, T steps, A action size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rsoup_lightning.modalities.control.policy import ActorCritic, Explorer, MLPPlayer

LOG_STD = -0.5  # of the actions at the start, by default


class GaussianMLP(ActorCritic):
    """The actor's outputs are the mean of the action; its standard deviation is the same at every observation.

    Args:
        observation_size: O.
        action_size: A.
        hidden: width of each hidden layer.
        log_std: logarithm of the actions' standard deviation at the start.
    """

    def __init__(
        self, observation_size: int, action_size: int, hidden: Sequence[int] = (64, 64), log_std: float = LOG_STD
    ) -> None:
        super().__init__(observation_size, action_size, hidden)
        self.log_std = nn.Parameter(torch.full((action_size,), log_std))

    def density(self, outputs: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        scaled = (actions - outputs) * torch.exp(-self.log_std)
        entropy = (self.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum().expand(outputs.shape[:-1])
        return gaussian_log_prob(scaled, self.log_std), entropy

    @property
    def precision(self) -> Tensor:
        # A product of Gaussians to the powers λ has mean Σ λ m / s² over Σ λ / s² (Genest & Zidek 1986).
        return torch.exp(-2 * self.log_std)

    def mode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        return outputs

    def explorer(self, steps: int, copies: int) -> Explorer:
        noise = torch.randn(steps, copies, len(self.log_std)).to(self.device)
        return _GaussianExplorer(MLPPlayer([self]), noise, self.log_std.detach())


class _GaussianExplorer:
    """Means, and noise ``[T, N, A]`` in standard deviations that was drawn before."""

    def __init__(self, means: MLPPlayer, noise: Tensor, log_std: Tensor) -> None:
        self._means, self._noise, self._log_std = means, noise, log_std
        self._offsets = iter((noise * log_std.exp()).cpu().numpy())

    def __call__(self, observations: NDArray[Any]) -> NDArray[Any]:
        return self._means(observations) + next(self._offsets)

    def log_probs(self) -> Tensor:
        return gaussian_log_prob(self._noise, self._log_std).transpose(0, 1)


def gaussian_log_prob(scaled: Tensor, log_std: Tensor) -> Tensor:
    """``[...]`` log-density of actions ``scaled [..., A]`` standard deviations from their mean; ``log_std [A]``."""
    return -0.5 * scaled.square().sum(-1) - log_std.sum() - 0.5 * math.log(2 * math.pi) * scaled.shape[-1]
