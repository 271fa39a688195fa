"""The abstract algorithm: how rewards become gradients.

Thin classes over :mod:`rsoup_lightning.losses`. One rollout serves all modalities, so each is written once.
Notation: B rows, T steps, K completions per prompt.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from rsoup_lightning import losses
from rsoup_lightning.errors import ConfigError, check_at_least_one, check_finite
from rsoup_lightning.policy import Policy, PolicyOutput
from rsoup_lightning.processes import most, several, together
from rsoup_lightning.rollout import Rollout

Logs = dict[str, Tensor]


class Algorithm(ABC):
    """Base of all algorithms.

    Args:
        epochs: passes over each rollout.
        minibatch_size: rows per optimiser step, or steps where the policy scores them one by one; 0: the whole rollout.
            Of each process, where several train together.
        entropy_coefficient: weight of the entropy bonus, per nat.

    Raises:
        ConfigError: fewer epochs than 1, rows of a minibatch below 0, or a coefficient that is not finite.
    """

    completions: int = 1
    """Completions per prompt that the environment must sample."""

    greedy_baseline: bool = False
    """Whether the advantage needs the return of the greedy completion of each prompt."""

    needs_critic: bool = False
    """Whether the policy must have values."""

    def __init__(self, epochs: int = 1, minibatch_size: int = 0, entropy_coefficient: float = 0.0) -> None:
        check_at_least_one(epochs=epochs)
        if minibatch_size < 0:
            raise ConfigError(f"minibatch_size is {minibatch_size}: give 0 for the whole rollout, or how many rows")
        check_finite(entropy_coefficient=entropy_coefficient)
        self.epochs = epochs
        self.minibatch_size = minibatch_size
        self.entropy_coefficient = entropy_coefficient

    @abstractmethod
    def advantages(self, rollout: Rollout, reward: Tensor, policy: Policy, greedy: Tensor | None) -> Rollout:
        """The rollout with ``steps["advantages"] [B, T]`` and whatever else the loss needs. Without gradient.

        Rows that nothing is learnt from may be left out.

        Args:
            rollout: what was sampled.
            reward: ``[B, T]`` what each step earned, penalties included.
            policy: the policy that sampled.
            greedy: ``[B / K]`` return of each prompt's greedy completion, where ``greedy_baseline`` asks for it.
        """

    def policy_loss(self, output: PolicyOutput, batch: Rollout) -> tuple[Tensor, Logs]:
        """The scalar to minimise on a minibatch, and what to log of it. Default: advantage × log-probability."""
        return losses.reinforce_loss(output.log_probs, batch["advantages"], batch.mask), {}

    def loss(self, output: PolicyOutput, batch: Rollout) -> tuple[Tensor, Logs]:
        """The policy loss less the entropy bonus."""
        loss, logs = self.policy_loss(output, batch)
        if output.entropy is None and self.entropy_coefficient:
            raise ConfigError("this policy does not know its entropy: set algorithm.init_args.entropy_coefficient to 0")
        if output.entropy is not None:
            entropy = losses.masked_mean(output.entropy, batch.mask)
            logs["entropy"] = entropy.detach()
            if self.entropy_coefficient:  # else its gradient, of the size of a vocabulary, is never computed
                loss = loss - self.entropy_coefficient * entropy
        return loss, logs

    def minibatches(self, rollout: Rollout, *, independent_steps: bool) -> Iterator[Rollout]:
        """Every minibatch of every epoch over a rollout that carries advantages; as many in every process."""
        if self.minibatch_size == 0:
            yield from [rollout] * self.epochs
            return
        rows = int(rollout.counted) if independent_steps else len(rollout)
        made = -(-rows // self.minibatch_size)
        missing = most(made, rollout.mask.device) - made
        for _ in range(self.epochs):
            yield from rollout.minibatches(self.minibatch_size, by_step=independent_steps)
            yield from [_nothing_of(rollout)] * missing


def whitened(values: Tensor, mask: Tensor) -> Tensor:
    """``values [B, T]`` with mean 0 and standard deviation 1 over the counted steps of all processes, 0 elsewhere."""
    if not several():
        return losses.whiten(values, mask)
    counted = together(lambda every: losses.whiten(every, torch.ones_like(every, dtype=torch.bool)), values[mask])
    return torch.zeros_like(values).masked_scatter(mask, counted)


def _nothing_of(rollout: Rollout) -> Rollout:
    """A minibatch of which nothing counts, for a process that has none left while others step."""
    first = rollout.rows(torch.zeros(1, dtype=torch.long, device=rollout.mask.device))
    return replace(first, mask=torch.zeros_like(first.mask))


def on_all_steps(rollout: Rollout, per_row: Tensor) -> Rollout:
    """The rollout with one advantage per row given to all its steps."""
    return rollout.with_steps(advantages=per_row.unsqueeze(1).expand(rollout.mask.shape))


def check_group(completions: int) -> int:
    """K, if a prompt's completions can be compared with its others.

    Raises:
        ConfigError: it has no others.
    """
    if completions < 2:
        raise ConfigError(f"a baseline of other completions needs at least 2 completions per prompt, got {completions}")
    return completions
