"""Policies for control: a Gaussian whose mean is an MLP of the normalised observation, and many of them stacked.

Notation: B rows, T steps, O observation size, A action size, M members.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from rsoup_lightning.merging import linear
from rsoup_lightning.policy import Policy, PolicyOutput, Weights
from rsoup_lightning.rollout import Rollout

OBSERVATION_LIMIT = 10.0  # normalised observations are kept within this many standard deviations


class ControlPolicy(Policy):
    """A policy that :class:`SimulatorEnvironment` can play: a mean action, and a Gaussian around it to explore."""

    independent_steps = True
    log_std: Tensor
    """``[A]`` logarithm of the standard deviation of the actions; stacked policies have none."""

    @abstractmethod
    def mean_actions(self, observations: Tensor) -> Tensor:
        """``[..., A]`` the most likely action at each of ``observations [..., O]``."""

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

    def mean_actions(self, observations: Tensor) -> Tensor:
        return self.actor(self.normalise(observations))

    @property
    def device(self) -> torch.device:
        return self.log_std.device

    def forward(self, rollout: Rollout) -> PolicyOutput:
        observations = self.normalise(rollout["observations"])
        scaled = (rollout["actions"] - self.actor(observations)) * torch.exp(-self.log_std)
        return PolicyOutput(
            log_probs=gaussian_log_prob(scaled, self.log_std),
            entropy=(self.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum().expand(rollout.mask.shape),
            values=self.critic(observations).squeeze(-1),
        )

    @torch.no_grad()
    def values(self, rollout: Rollout) -> Tensor:
        every = torch.cat([rollout["observations"], rollout["last_observations"].unsqueeze(1)], dim=1)
        return self.critic(self.normalise(every)).squeeze(-1)

    @torch.no_grad()
    def observe(self, rollout: Rollout) -> None:
        """Fold the rollout's observations into the running mean and variance (Chan et al. 1979)."""
        if not self.learns_statistics:
            return
        seen = rollout["observations"][rollout.mask].double()
        if not len(seen):
            return
        mean, variance, old, new = seen.mean(0), seen.var(0, unbiased=False), self.count.item(), len(seen)
        shift, total = mean - self.mean, old + new
        spread = self.variance * old + variance * new + shift.square() * (old * new / total)
        self.mean.add_(shift * (new / total))
        self.variance.copy_(spread / total)
        self.count.fill_(total)

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
    """M Gaussian MLPs as one batched product, played greedily; rows come in M groups, one per member, in order."""

    def __init__(self, policies: Sequence[GaussianMLP]) -> None:
        super().__init__()
        self.members = len(policies)
        self._mean = torch.stack([policy.mean for policy in policies]).unsqueeze(1)
        self._scale = torch.stack([_inverse_deviation(policy.variance) for policy in policies]).unsqueeze(1)
        layers = zip(*([m for m in policy.actor if isinstance(m, nn.Linear)] for policy in policies), strict=True)
        self._layers = [
            (
                torch.stack([linear.bias.detach() for linear in same]).unsqueeze(1),
                torch.stack([linear.weight.detach() for linear in same]).mT.contiguous(),
            )
            for same in layers
        ]

    def mean_actions(self, observations: Tensor) -> Tensor:
        grouped = observations.view(self.members, -1, observations.shape[-1])
        hidden = ((grouped - self._mean) * self._scale).clamp(-OBSERVATION_LIMIT, OBSERVATION_LIMIT)
        for index, (bias, weight) in enumerate(self._layers):
            hidden = torch.baddbmm(bias, _Tanh.forward(hidden) if index else hidden, weight)
        return hidden.flatten(0, 1)

    @property
    def device(self) -> torch.device:
        return self._mean.device

    def forward(self, rollout: Rollout) -> PolicyOutput:
        raise TypeError("stacked policies are not re-scored: they are for evaluation")


class _Tanh(torch.autograd.Function):
    """tanh as 2 sigmoid(2x) - 1 in one buffer: equal to float rounding, and on processors 4 times faster."""

    @staticmethod
    def forward(inputs: Tensor) -> Tensor:
        return torch.sigmoid(inputs * 2).mul_(2).sub_(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return torch.ops.aten.tanh_backward(gradient, ctx.saved_tensors[0])


class Tanh(nn.Module):
    """tanh, see :class:`_Tanh`."""

    def forward(self, inputs: Tensor) -> Tensor:
        # Acting needs no gradient, and a custom function costs more than the arithmetic itself.
        return _Tanh.apply(inputs) if torch.is_grad_enabled() else _Tanh.forward(inputs)


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
