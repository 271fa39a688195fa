"""Policies for control: a Gaussian whose mean is an MLP of the normalised observation, and many of them stacked.

Notation: B rows, T steps, O observation size, A action size, M members.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rsoup_lightning.merging import linear
from rsoup_lightning.modalities.control.statistics import Moments, merged, moments, of_all_processes
from rsoup_lightning.policy import Policy, PolicyOutput, Weights
from rsoup_lightning.rollout import Rollout

BLOCK = 8  # rows of one product; with 8, a row's rounding is the same wherever in the block it stands
OBSERVATION_LIMIT = 10.0  # normalised observations are kept within this many standard deviations


class Player(Protocol):
    """A policy's weights as they are now, as a function of arrays: what plays in simulators."""

    def __call__(self, observations: NDArray[Any]) -> NDArray[np.float32]:
        """``[N, A]`` the most likely action at each of ``observations [N, O]``."""


class ControlPolicy(Policy):
    """A policy that :class:`SimulatorEnvironment` can play: a mean action, and a Gaussian around it to explore."""

    independent_steps = True
    log_std: Tensor
    """``[A]`` logarithm of the standard deviation of the actions; stacked policies have none."""

    @abstractmethod
    def player(self) -> Player:
        """The present weights, to be asked once per simulator step."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where it computes."""


class GaussianMLP(ControlPolicy):
    """Actor and critic, two tanh MLPs, on observations normalised by statistics learnt during init and then frozen.

    The statistics are buffers: part of the weights, the same in all experts of one init.

    Args:
        observation_size: O.
        action_size: A.
        hidden: width of each hidden layer.
        log_std: logarithm of the actions' standard deviation at the start.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(
        self, observation_size: int, action_size: int, hidden: Sequence[int] = (64, 64), log_std: float = -0.5
    ) -> None:
        super().__init__()
        self.actor = _mlp([observation_size, *hidden, action_size], last_gain=0.01)
        self.critic = _mlp([observation_size, *hidden, 1], last_gain=1.0)
        self.log_std = nn.Parameter(torch.full((action_size,), log_std))
        self.register_buffer("mean", torch.zeros(observation_size))
        self.register_buffer("variance", torch.ones(observation_size))
        self.register_buffer("count", torch.tensor(0))
        self.learns_statistics = True

    def normalise(self, observations: Tensor) -> Tensor:
        """``[..., O]`` in standard deviations from the mean, kept within ±10."""
        scaled = (observations - self.mean) * _inverse_deviation(self.variance)
        return scaled.clamp(-OBSERVATION_LIMIT, OBSERVATION_LIMIT)

    @property
    def actor_layers(self) -> list[nn.Linear]:
        """The actor's linear layers, tanh between them."""
        return [layer for layer in self.actor if isinstance(layer, nn.Linear)]

    def player(self) -> Player:
        return MLPPlayer([self])

    @property
    def device(self) -> torch.device:
        return self.log_std.device

    def forward(self, rollout: Rollout) -> PolicyOutput:
        # Flat: a product of one matrix is faster than one of a batch of them.
        observations = self.normalise(rollout["observations"].flatten(0, 1))
        means = self.actor(observations).view(rollout["actions"].shape)
        scaled = (rollout["actions"] - means) * torch.exp(-self.log_std)
        return PolicyOutput(
            log_probs=gaussian_log_prob(scaled, self.log_std),
            entropy=(self.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum().expand(rollout.mask.shape),
            values=self.critic(observations).view(rollout.mask.shape),
        )

    @torch.no_grad()
    def values(self, rollout: Rollout) -> Tensor:
        every = torch.cat([rollout["observations"], rollout["last_observations"].unsqueeze(1)], dim=1)
        return self.critic(self.normalise(every)).squeeze(-1)

    @torch.no_grad()
    def observe(self, rollout: Rollout) -> None:
        """Fold the rollout's observations, and those of all other processes, into the running mean and variance."""
        if not self.learns_statistics:
            return
        known = Moments(self.count.double(), self.mean.double(), self.variance.double())
        for seen in of_all_processes(moments(rollout["observations"][rollout.mask])):
            known = merged(known, seen)
        for buffer, value in zip((self.count, self.mean, self.variance), known, strict=True):
            buffer.copy_(value)

    def start_from(self, weights: Weights) -> None:
        super().start_from(weights)
        self.learns_statistics = False

    def soups(self, experts: Sequence[Weights], coefficients: Sequence[Sequence[float]]) -> StackedPolicy:
        members = []
        for point in coefficients:
            member = deepcopy(self)
            member.load_weights(linear(experts, point))
            members.append(member)
        return StackedPolicy(members)


class StackedPolicy(ControlPolicy):
    """M Gaussian MLPs played as one, greedily; rows come in M groups, one per member, in order."""

    def __init__(self, policies: Sequence[GaussianMLP]) -> None:
        super().__init__()
        self.members = len(policies)
        self._policies = policies

    def player(self) -> Player:
        return MLPPlayer(self._policies)

    @property
    def device(self) -> torch.device:
        return self._policies[0].device

    def forward(self, rollout: Rollout) -> PolicyOutput:
        raise TypeError("stacked policies are not re-scored: they are for evaluation")


class MLPPlayer:
    """M Gaussian MLPs as one batched product of arrays; rows come in M groups, one per policy, in order.

    An action depends on its observation alone and not on what is played beside it, to the last bit: products are taken
    in blocks of BLOCK rows, the last one filled up with zeros. A product's rounding follows its number of rows, and
    simulators blow the difference up.

    Simulators live on the processor, and there a call of numpy costs a third of one of torch.
    """

    def __init__(self, policies: Sequence[GaussianMLP]) -> None:
        self._mean = _arrays(policy.mean for policy in policies)
        self._scale = _arrays(_inverse_deviation(policy.variance) for policy in policies)
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


def _arrays(tensors: Iterable[Tensor]) -> NDArray[np.float32]:
    """M tensors stacked into one array ``[M, 1, C, H]``; vectors ``[C]`` become ``[M, 1, 1, C]``."""
    stacked = torch.stack(list(tensors)).detach().cpu()
    return np.ascontiguousarray(stacked.view(len(stacked), 1, -1, stacked.shape[-1]).numpy())


class _Tanh(torch.autograd.Function):
    """tanh as 2 sigmoid(2x) - 1 in one buffer: equal to float rounding, and on processors 4 times faster."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:  # type: ignore[override]
        output = _tanh(inputs)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return torch.ops.aten.tanh_backward(gradient, ctx.saved_tensors[0])


def _tanh(inputs: Tensor) -> Tensor:
    return (inputs * 2).sigmoid_().mul_(2).sub_(1)


class Tanh(nn.Module):
    """tanh, see :class:`_Tanh`."""

    def forward(self, inputs: Tensor) -> Tensor:
        # Without a gradient the plain operations do, also under vmap, which the custom function does not know.
        return _Tanh.apply(inputs) if torch.is_grad_enabled() else _tanh(inputs)


def _inverse_deviation(variance: Tensor) -> Tensor:
    return torch.rsqrt(variance + 1e-8)


def gaussian_log_prob(scaled: Tensor, log_std: Tensor) -> Tensor:
    """``[...]`` log-density of actions ``scaled [..., A]`` standard deviations from their mean; ``log_std [A]``."""
    return -0.5 * scaled.square().sum(-1) - log_std.sum() - 0.5 * math.log(2 * math.pi) * scaled.shape[-1]


def _mlp(sizes: Sequence[int], last_gain: float) -> nn.Sequential:
    """Linear layers with tanh between them, orthogonal weights, zero biases."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), Tanh()]
    linears = [layer for layer in layers if isinstance(layer, nn.Linear)]
    for layer in linears:
        nn.init.orthogonal_(layer.weight, math.sqrt(2) if layer is not linears[-1] else last_gain)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers[:-1])
