"""Policies for control: an MLP of the normalised observation that decides an action, and many of them stacked.

Notation: B rows, T steps, N simulator copies, O observation size, A action size, K outputs of the actor, M members.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rsoup_lightning.errors import check_at_least_one
from rsoup_lightning.merging import linear
from rsoup_lightning.modalities.control.mlp import mixed_mlp, mlp
from rsoup_lightning.modalities.control.player import OBSERVATION_LIMIT, Player, greedy, greedy_pool, inverse_deviation
from rsoup_lightning.modalities.control.statistics import Moments, merged, moments, of_all_processes
from rsoup_lightning.policy import Policy, PolicyOutput, Soups, Weights
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.simplex import rows_per_point


class Explorer(Protocol):
    """A policy's weights as they are now, sampled for a number of steps in a number of simulator copies."""

    def __call__(self, observations: NDArray[Any]) -> NDArray[Any]:
        """``[N, A]`` actions sampled at ``observations [N, ...]``, for the next step."""

    def log_probs(self) -> Tensor:
        """``[N, T]`` log-probability (density) of all the actions sampled, after the last step."""


class ControlPolicy(Policy):
    """A policy that :class:`SimulatorEnvironment` can play."""

    independent_steps = True

    @abstractmethod
    def player(self) -> Player:
        """The present weights, to be asked once per simulator step."""

    @abstractmethod
    def explorer(self, steps: int, copies: int) -> Explorer:
        """The present weights, to be sampled ``steps`` times in ``copies`` simulators; torch's generator draws."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where it computes."""


class ActorCritic(ControlPolicy):
    """Actor and critic, two tanh MLPs, on observations normalised by statistics learnt during init and then frozen.

    The statistics are buffers: part of the weights, the same in all experts of one init. Subclasses say what
    distribution of actions the actor's outputs stand for.

    Args:
        observation_size: O.
        outputs: K.
        hidden: width of each hidden layer.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, observation_size: int, outputs: int, hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        for width in hidden:
            check_at_least_one(hidden=width)
        self.actor = mlp([observation_size, *hidden, outputs], last_gain=0.01)
        self.critic = mlp([observation_size, *hidden, 1], last_gain=1.0)
        self.register_buffer("mean", torch.zeros(observation_size))
        self.register_buffer("variance", torch.ones(observation_size))
        self.register_buffer("count", torch.tensor(0))
        self.learns_statistics = True

    @staticmethod
    @abstractmethod
    def explorer_of(policies: Sequence[Any], steps: int, copies: int) -> Explorer:
        """The :meth:`explorer` of M policies of this class; copies come in M groups, one per policy, in order."""

    @abstractmethod
    def density(
        self, outputs: Tensor, actions: Tensor, own: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """``[...]`` log-probability of ``actions [..., A]`` and entropy, where the actor gave ``outputs [..., K]``.

        Args:
            outputs: of the actor.
            actions: as they were chosen.
            own: ``[..., size]`` of each parameter beside actor and critic, by its name; None: those of this policy.
        """

    @property
    @abstractmethod
    def precision(self) -> Tensor:
        """``[K]`` how much each of the actor's outputs counts in a pool of experts, beside λ."""

    @abstractmethod
    def mode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """``[N, A]`` the most likely actions where the actor gave ``outputs [N, K]``."""

    def normalise(self, observations: Tensor) -> Tensor:
        """``[..., O]`` in standard deviations from the mean, kept within ±10."""
        scaled = (observations - self.mean) * inverse_deviation(self.variance)
        return scaled.clamp(-OBSERVATION_LIMIT, OBSERVATION_LIMIT)

    @property
    def actor_layers(self) -> list[nn.Linear]:
        """The actor's linear layers, tanh between them."""
        return [layer for layer in self.actor if isinstance(layer, nn.Linear)]

    def player(self) -> Player:
        return greedy([self])

    def explorer(self, steps: int, copies: int) -> Explorer:
        return self.explorer_of([self], steps, copies)

    @property
    def device(self) -> torch.device:
        return self.mean.device

    def forward(self, rollout: Rollout) -> PolicyOutput:
        # Flat: a product of one matrix is faster than one of a batch of them.
        observations = self.normalise(rollout["observations"].flatten(0, 1))
        outputs = self.actor(observations).view(*rollout.mask.shape, -1)
        log_probs, entropy = self.density(outputs, rollout["actions"])
        return PolicyOutput(log_probs, entropy, self.critic(observations).view(rollout.mask.shape))

    def forward_mixed(self, rollout: Rollout, experts: Weights) -> PolicyOutput:
        coefficients = rollout["coefficients"].repeat_interleave(rollout.mask.shape[1], 0)
        observations = self.normalise(rollout["observations"].flatten(0, 1))

        def asked(name: str, network: nn.Sequential) -> Tensor:
            start = f"{name}."
            layers = {key.removeprefix(start): each for key, each in experts.items() if key.startswith(start)}
            return mixed_mlp(network, layers, observations, coefficients).view(*rollout.mask.shape, -1)

        own = {name: coefficients @ experts[name] for name, _ in self.named_parameters(recurse=False)}
        own = {name: rows.view(*rollout.mask.shape, -1) for name, rows in own.items()}
        log_probs, entropy = self.density(asked("actor", self.actor), rollout["actions"], own)
        return PolicyOutput(log_probs, entropy, asked("critic", self.critic).squeeze(-1))

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

    def soups(self, experts: Sequence[Weights]) -> Soups:
        def at(coefficients: Sequence[Sequence[float]]) -> StackedPolicy:
            points = [tuple(point) for point in coefficients]
            distinct = {point: self._with(linear(experts, point, extrapolate=True)) for point in dict.fromkeys(points)}
            members = [distinct[point] for point in points]
            return StackedPolicy(greedy(members), len(points), self.device, partial(self.explorer_of, members))

        return at

    def ensembles(self, experts: Sequence[Weights], *, drawn: bool = False) -> Soups | None:
        if drawn:
            return None
        played = [self._with(expert) for expert in experts]
        return lambda points: StackedPolicy(greedy_pool(played, points), len(points), self.device)

    def _with(self, weights: Weights) -> ActorCritic:
        """A policy of its own with these weights."""
        policy = deepcopy(self)
        policy.load_weights(weights)
        return policy


class StackedPolicy(ControlPolicy):
    """M policies played as one; rows come in M groups, one per member, in order.

    Args:
        player: of all.
        members: M.
        device: where they compute.
        explore: their explorer, as of :meth:`ControlPolicy.explorer`; None where they are for evaluation alone.
    """

    def __init__(
        self,
        player: Player,
        members: int,
        device: torch.device,
        explore: Callable[[int, int], Explorer] | None = None,
    ) -> None:
        super().__init__()
        self.members = members
        self._player, self._device, self._explore = player, device, explore

    def player(self) -> Player:
        return self._player

    def explorer(self, steps: int, copies: int) -> Explorer:
        if self._explore is None:
            raise TypeError("pools of policies are not sampled: they are for evaluation")
        rows_per_point(copies, self.members)
        return self._explore(steps, copies)

    @property
    def device(self) -> torch.device:
        return self._device

    def forward(self, rollout: Rollout) -> PolicyOutput:
        raise TypeError("stacked policies are not re-scored")
