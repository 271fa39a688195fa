"""Actors of many policies played as arrays: what a simulator asks at each step.

Notation: N rows, O observation size, A action size, K outputs of an actor, M members or λ, E experts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rsoup_lightning.errors import CoefficientError
from rsoup_lightning.modalities.ensemble import as_points

BLOCK = 8  # rows of one product; with 8, a row's rounding is the same wherever in the block it stands
OBSERVATION_LIMIT = 10.0  # normalised observations are kept within this many standard deviations

Player = Callable[[NDArray[Any]], NDArray[Any]]
"""A policy's weights as they are now: the most likely actions ``[N, A]`` at observations ``[N, ...]``, as arrays."""


class Actor(Protocol):
    """What is read of a policy to play it."""

    mean: Tensor
    """``[O]`` of observations."""

    variance: Tensor
    """``[O]`` likewise."""

    @property
    def actor_layers(self) -> Sequence[nn.Linear]:
        """The linear layers from normalised observations to outputs, tanh between them."""

    @property
    def precision(self) -> Tensor:
        """``[K]`` how much each output counts in a pool of experts, beside λ."""

    def mode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """``[N, A]`` the most likely actions where the outputs are ``[N, K]``."""


class MLPPlayer:
    """The actors' outputs ``[N, K]`` of M policies, as one batched product of arrays; rows come in M groups, in order.

    An action depends on its observation alone and not on what is played beside it, to the last bit: products are taken
    in blocks of BLOCK rows, the last one filled up with zeros. A product's rounding follows its number of rows, and
    simulators blow the difference up.

    Simulators live on the CPU, and there a call of numpy costs a third of one of torch.
    """

    def __init__(self, policies: Sequence[Actor]) -> None:
        self._mean = _arrays(policy.mean for policy in policies)
        self._scale = _arrays(inverse_deviation(policy.variance) for policy in policies)
        layers = zip(*(policy.actor_layers for policy in policies), strict=True)
        self._layers = [
            (_arrays(layer.weight.mT for layer in same), _arrays(layer.bias for layer in same)) for same in layers
        ]

    def __call__(self, observations: NDArray[Any]) -> NDArray[np.float32]:
        members, inputs = len(self._mean), self._mean.shape[-1]
        rows = len(observations) // members
        blocks = -(-rows // BLOCK)
        grouped = np.zeros((members, blocks * BLOCK, inputs), np.float32)
        grouped[:, :rows] = observations.reshape(members, rows, inputs)
        hidden = grouped.reshape(members, blocks, BLOCK, inputs)
        hidden = ((hidden - self._mean) * self._scale).clip(-OBSERVATION_LIMIT, OBSERVATION_LIMIT)
        for index, (weight, bias) in enumerate(self._layers):
            hidden = (np.tanh(hidden) if index else hidden) @ weight + bias
        return hidden.reshape(members, blocks * BLOCK, -1)[:, :rows].reshape(len(observations), -1)


def greedy(policies: Sequence[Actor]) -> Player:
    """The most likely actions of M policies of one class; rows come in M groups, in order."""
    outputs, mode = MLPPlayer(policies), policies[0].mode
    return lambda observations: mode(outputs(observations))


def greedy_pool(experts: Sequence[Actor], points: Sequence[Sequence[float]]) -> Player:
    """The most likely actions of the E experts' pool at M λ (:mod:`modalities.ensemble`); rows come in M groups."""
    outputs, mode = MLPPlayer(experts), experts[0].mode
    counts = as_points(points, len(experts)).unsqueeze(-1) * torch.stack([expert.precision for expert in experts]).cpu()
    if not (counts.sum(1) > 0).all():
        raise CoefficientError(f"the pool of these experts has no most likely action at one of the λ {list(points)}")
    shares = (counts / counts.sum(1, keepdim=True)).transpose(0, 1).unsqueeze(2).detach().numpy()  # [E, M, 1, K]

    def act(observations: NDArray[Any]) -> NDArray[Any]:
        each = outputs(np.concatenate([observations] * len(experts)))
        rows = each.reshape(len(experts), len(points), -1, each.shape[-1])
        return mode((shares * rows).sum(0).reshape(len(observations), -1))

    return act


def _arrays(tensors: Iterable[Tensor]) -> NDArray[np.float32]:
    """M tensors stacked into one array ``[M, 1, C, H]``; vectors ``[C]`` become ``[M, 1, 1, C]``."""
    stacked = torch.stack(list(tensors)).detach().cpu()
    return np.ascontiguousarray(stacked.view(len(stacked), 1, -1, stacked.shape[-1]).numpy())


def inverse_deviation(variance: Tensor) -> Tensor:
    """What observations are multiplied by, of their ``variance [O]``."""
    return torch.rsqrt(variance + 1e-8)
