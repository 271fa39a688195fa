"""Actions that are choices: a categorical distribution over the options of each, from the actor's outputs.

Notation: N simulator copies, T steps, A choices per action, K options of all choices together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsoup_lightning.modalities.control.player import MLPPlayer
from rsoup_lightning.modalities.control.policy import ActorCritic, Explorer


class CategoricalMLP(ActorCritic):
    """The actor's outputs are the logits of every option of every choice; choices are independent of each other.

    An action ``[A]`` holds the number of the option taken in each choice, from 0 on.

    Args:
        observation_size: O.
        options: how many options each of the A choices has; one number for a single choice.
        hidden: width of each hidden layer.
    """

    def __init__(self, observation_size: int, options: Sequence[int], hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__(observation_size, sum(options), hidden)
        self.options = list(options)

    def density(
        self, outputs: Tensor, actions: Tensor, own: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        log_probs = entropy = outputs.new_zeros(outputs.shape[:-1])
        for logits, option in zip(outputs.split(self.options, -1), actions.long().unbind(-1), strict=True):
            each = logits.log_softmax(-1)
            log_probs = log_probs + each.gather(-1, option.unsqueeze(-1)).squeeze(-1)
            entropy = entropy - (each.exp() * each).sum(-1)
        return log_probs, entropy

    @property
    def precision(self) -> Tensor:
        return torch.ones(sum(self.options))

    def mode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        choices = np.split(outputs, np.cumsum(self.options)[:-1], axis=-1)
        return np.stack([logits.argmax(-1) for logits in choices], axis=-1)

    @staticmethod
    def explorer_of(policies: Sequence[CategoricalMLP], steps: int, copies: int) -> Explorer:
        # The largest of logits with Gumbel noise is a sample of their categorical distribution (Gumbel 1954).
        noise = -torch.empty(steps, copies, sum(policies[0].options)).exponential_().log()
        return _CategoricalExplorer(policies, noise.numpy())


class _CategoricalExplorer:
    """Logits, and Gumbel noise ``[T, N, K]`` that was drawn before."""

    def __init__(self, policies: Sequence[CategoricalMLP], noise: NDArray[Any]) -> None:
        self._policy, self._logits_at, self._noise = policies[0], MLPPlayer(policies), iter(noise)
        self._logits: list[NDArray[Any]] = []
        self._actions: list[NDArray[Any]] = []

    def __call__(self, observations: NDArray[Any]) -> NDArray[Any]:
        self._logits.append(self._logits_at(observations))
        self._actions.append(self._policy.mode(self._logits[-1] + next(self._noise)))
        return self._actions[-1]

    def log_probs(self) -> Tensor:
        logits, actions = (torch.from_numpy(np.stack(steps, axis=1)) for steps in (self._logits, self._actions))
        return self._policy.density(logits.to(self._policy.device), actions.to(self._policy.device))[0]
