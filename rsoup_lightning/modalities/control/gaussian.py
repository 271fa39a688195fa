"""Actions that are numbers: a Gaussian around the actor's output.

Notation: N simulator copies, T steps, A action size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rsoup_lightning.modalities.control.player import MLPPlayer
from rsoup_lightning.modalities.control.policy import ActorCritic, Explorer

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

    def density(
        self, outputs: Tensor, actions: Tensor, own: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        log_std = self.log_std if own is None else own["log_std"]
        scaled = (actions - outputs) * torch.exp(-log_std)
        entropy = (log_std + 0.5 * math.log(2 * math.pi * math.e)).sum(-1).expand(outputs.shape[:-1])
        return gaussian_log_prob(scaled, log_std), entropy

    @property
    def precision(self) -> Tensor:
        # A product of Gaussians to the powers λ has mean Σ λ m / s² over Σ λ / s² (Genest & Zidek 1986).
        return torch.exp(-2 * self.log_std)

    def mode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        return outputs

    @staticmethod
    def explorer_of(policies: Sequence[GaussianMLP], steps: int, copies: int) -> Explorer:
        log_std = torch.stack([policy.log_std.detach() for policy in policies])
        noise = torch.randn(steps, copies, log_std.shape[1]).to(log_std)
        return _GaussianExplorer(MLPPlayer(policies), noise, log_std.repeat_interleave(copies // len(policies), 0))


class _GaussianExplorer:
    """Means, and noise ``[T, N, A]`` that was drawn before, in standard deviations of logarithms ``[N, A]``."""

    def __init__(self, means: MLPPlayer, noise: Tensor, log_std: Tensor) -> None:
        self._means, self._noise, self._log_std = means, noise, log_std
        self._offsets = iter((noise * log_std.exp()).cpu().numpy())

    def __call__(self, observations: NDArray[Any]) -> NDArray[Any]:
        return self._means(observations) + next(self._offsets)

    def log_probs(self) -> Tensor:
        return gaussian_log_prob(self._noise, self._log_std).transpose(0, 1)


def gaussian_log_prob(scaled: Tensor, log_std: Tensor) -> Tensor:
    """``[...]`` log-density of actions ``scaled [..., A]`` standard deviations off their mean; ``log_std [..., A]``."""
    return -0.5 * scaled.square().sum(-1) - log_std.sum(-1) - 0.5 * math.log(2 * math.pi) * scaled.shape[-1]
