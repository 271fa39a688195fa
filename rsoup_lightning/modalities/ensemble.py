"""Experts of one network whose outputs are mixed, and not their weights: at each step all of them are asked in turn.

The policy at λ is their logarithmic opinion pool (Genest & Zidek 1986),

    log π_λ = Σ_e λ_e log π_e + constant,

in every modality: λ-weighted logits for tokens and choices (MOD: Shi et al. 2024), λ-weighted predictions for denoisers
(Diffusion Blend: Cheng et al. 2025), precision-weighted means for Gaussian actions. Where each expert is the best
policy for its reward under the same KL penalty, the pool is the best one for the λ-weighted reward.

It costs E passes through the network per step, and E times the memory of what the network keeps of its past. Experts
that are adapters of one base share its weights, but no pass: past the first adapter they see other inputs.

Notation: M points λ, E experts, N = K M rows of a batch in one group per λ, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from rsoup_lightning.merging.check import check_layout, check_match
from rsoup_lightning.modalities.partly_trained import with_values
from rsoup_lightning.policy import Policy, Weights
from rsoup_lightning.simplex import check_coefficients, rows_per_point


def as_points(coefficients: Sequence[Sequence[float]], experts: int) -> Tensor:
    """``[M, E]`` of M points λ; they may be negative.

    Raises:
        CoefficientError: not E finite numbers each.
    """
    return torch.tensor([check_coefficients(point, experts, extrapolate=True) for point in coefficients])


class Ensemble:
    """The weights of E experts, which take turns in one policy.

    Args:
        policy: plays them; its weights are its own again after each turn.
        experts: E weights.

    Raises:
        MergeError: experts that fit neither each other nor the policy.
    """

    def __init__(self, policy: Policy, experts: Sequence[Weights]) -> None:
        check_match(experts)
        check_layout([experts[0], policy.weights()], ["expert 0", "the policy"])
        self._parameters, self._experts = dict(policy.named_parameters()), experts

    def __len__(self) -> int:
        """E."""
        return len(self._experts)

    def turn(self, number: int) -> AbstractContextManager[None]:
        """The policy has the weights of this expert inside the block."""
        return with_values(self._parameters, self._experts[number])

    def pooled(self, answer: Callable[[int], Tensor], points: Tensor) -> Tensor:
        """``[N, ...]`` Σ_e λ_e of what each expert answers, in float32.

        Args:
            answer: ``[N, ...]`` of expert e, whose turn it is when ``answer(e)`` is called.
            points: ``[M, E]``.
        """
        total = torch.zeros(())
        for number, shares in enumerate(points.unbind(1)):
            with self.turn(number):
                answers = answer(number).float()
            each = shares.to(answers).repeat_interleave(rows_per_point(len(answers), len(points)))
            weighed = each.view(-1, *[1] * (answers.dim() - 1)) * answers
            total = total + weighed if number else weighed
        return total
