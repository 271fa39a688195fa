"""The abstract policy: a torch module that can re-score a rollout, be merged, and recall its reference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.simplex import Coefficients

Weights = Mapping[str, Tensor]
Soups = Callable[[Sequence[Sequence[float]]], "Policy"]
"""Experts ready to be mixed: of M points λ one policy that plays all of them, its rows in one group per λ, in order."""

Merge = Callable[[Sequence[Weights], Coefficients], Weights]
"""Makes one policy's weights of those of E experts at λ."""

RewardWeights = Mapping[str, float | Tensor]
"""What each reward weighs: one number, or one for each row ``[B]``."""


@dataclass(frozen=True)
class PolicyOutput:
    """What re-scoring a rollout gives; gradients flow through all of it.

    Attributes:
        log_probs: ``[B, T]`` of the steps taken.
        entropy: ``[B, T]`` of the step distributions in nats, or None where it is not known.
        values: ``[B, T]`` the critic's value before each step, or None without a critic.
    """

    log_probs: Tensor
    entropy: Tensor | None = None
    values: Tensor | None = None


class Policy(nn.Module, ABC):
    """A policy as :class:`rsoup_lightning.module.RewardFineTuner` and the merging code see it.

    How it samples is between it and its environment: each modality has its own pair.
    """

    independent_steps: bool = False
    """True where a step can be scored without its past, so that minibatches may cut rows into steps."""

    members: int = 1
    """How many policies this one plays at once; evaluation gives each of them the same batch (see ``soups``)."""

    _reference: tuple[Policy, ...] = ()  # in a tuple, so that it is no submodule: neither trained nor saved

    @abstractmethod
    def forward(self, rollout: Rollout) -> PolicyOutput:
        """Re-score the steps of a rollout under the current weights."""

    def values(self, rollout: Rollout) -> Tensor:
        """``[B, T + 1]`` the critic's value before each step and after the last, without gradient.

        This default suits rows that end by themselves: the value after the last step is zero.
        """
        values = self(rollout).values
        if values is None:
            raise ConfigError(f"{type(self).__name__} has no critic: choose an algorithm that needs none, as RLOO")
        return torch.cat([values, torch.zeros_like(values[:, :1])], dim=1).detach()

    def observe(self, rollout: Rollout) -> None:
        """Learn input statistics from a training rollout, after the update it served. Default: nothing to learn."""

    def weights(self) -> Weights:
        """The tensors that make an expert: what is saved, merged and loaded. Default: the whole state dict."""
        return self.state_dict()

    def export(self, folder: Path) -> None:
        """Write an expert's weights into ``folder`` also as other packages read them. Default: nobody else does."""

    def load_weights(self, weights: Weights) -> None:
        """Copy ``weights`` in place; the caller has checked that they fit (:func:`merging.check.check_layout`)."""
        own = self.weights()
        with torch.no_grad():
            for name, tensor in weights.items():
                own[name].copy_(tensor)

    def start_from(self, weights: Weights) -> None:
        """Begin fine-tuning at ``weights``, the shared initialisation. Subclasses freeze what init has learnt."""
        self.load_weights(weights)

    def soups(self, experts: Sequence[Weights]) -> Soups | None:
        """Prepare the E ``experts`` to play linear soups at many λ at once; None if this kind cannot (the default)."""
        return None

    def ensembles(self, experts: Sequence[Weights], *, drawn: bool = False) -> Soups | None:
        """Prepare the E ``experts`` to play with their outputs mixed at each step, instead of their weights.

        Args:
            experts: E weights.
            drawn: at each step one expert answers, drawn by λ, at the cost of one.

        Returns:
            As :meth:`soups`, at E times the cost of a step; None if this kind cannot (the default).
        """
        return None

    def check_mixed(self) -> None:
        """Require that experts of this policy can be trained together. Default: they can.

        Raises:
            ConfigError: they cannot, as it is set up; names the setting.
        """

    def forward_mixed(self, rollout: Rollout, experts: Weights) -> PolicyOutput | None:
        """Re-score each row under the linear soup of E experts at its own λ, with gradient to the experts.

        None where this kind knows no better way than one λ after another (the default).

        Args:
            rollout: B rows, with ``coefficients [B, E]``.
            experts: ``[E, ...]`` of each parameter that is trained.
        """
        return None

    def sampled(self, play: Callable[[Policy], Rollout], completions: int = 1) -> Rollout:
        """A training rollout, as ``play`` makes one of a policy, so many rows per prompt. Default: of this one."""
        return play(self)

    def preference(self, rollout: Rollout, trained: RewardWeights) -> RewardWeights:
        """What each reward weighs in the rows of a training rollout. Default: all are ``trained`` on one μ."""
        return trained

    def lesson(self, rollout: Rollout, trained: RewardWeights, weighed: Callable[[RewardWeights], Rollout]) -> Rollout:
        """A training rollout with its advantages.

        Args:
            rollout: what was sampled.
            trained: as of :meth:`preference`.
            weighed: gives the rollout with the advantages of the rewards that weigh so much.
        """
        return weighed(self.preference(rollout, trained))

    def evaluated(self) -> AbstractContextManager[Policy]:
        """What evaluation plays while this is trained, inside the block. Default: itself."""
        return nullcontext(self)

    def freeze_reference(self) -> None:
        """Keep the present weights as the reference policy of KL penalties."""
        self._reference = ()  # of an earlier training: a copy would hold a copy of it
        self._reference = (deepcopy(self).eval().requires_grad_(False),)

    def reference_weights(self) -> Weights:
        """Those of the reference policy, to be changed in place, by the names of :meth:`weights`."""
        return self._reference[0].weights()

    def reference_log_probs(self, rollout: Rollout) -> Tensor:
        """``[B, T]`` log-probabilities of the steps under the reference policy, without gradient."""
        with torch.no_grad():
            return self._reference[0](rollout).log_probs

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Policy:
        for reference in self._reference:
            reference._apply(fn, recurse)
        return super()._apply(fn, recurse)
