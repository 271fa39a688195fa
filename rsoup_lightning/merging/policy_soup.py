"""The soup of a policy's weights as weights of that policy: LoRA updates are averaged, not their factors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rsoup_lightning.merging.in_memory import linear_tensor
from rsoup_lightning.merging.lora import LoRAFactors, exact, reduce_rank, update_norm
from rsoup_lightning.merging.policy_weights import PARAMETER


def policy_soup(
    experts: Sequence[Mapping[str, Tensor]], coefficients: Sequence[float]
) -> tuple[dict[str, Tensor], float]:
    """Σ λ_i θ_i, for a training to begin at.

    Of a LoRA layer that is Σ λ_i ΔW_i, brought back to the rank that the policy's layer has by the truncated SVD
    (:func:`lora.reduce_rank`): its E times as many ranks would not fit.

    Args:
        experts: E weights of one policy.
        coefficients: λ.

    Returns:
        The weights, and what they lack of all updates together, relative to those, in the Frobenius norm.
    """
    merged = {name: linear_tensor([expert[name] for expert in experts], coefficients, name) for name in experts[0]}
    lost, norms = [0.0], [0.0]
    for match in filter(None, map(PARAMETER.fullmatch, experts[0])):
        first = match[0]
        second = first.replace(f".lora_{match['kind']}A.", f".lora_{match['kind']}B.")
        # The policy's scaling is the same for all of them: left out here, it is applied when the policy plays.
        whole = exact([LoRAFactors(expert[first], expert[second], 1.0) for expert in experts], coefficients)
        A, B, error = reduce_rank(whole.A, whole.B, len(merged[first]))
        norms.append(update_norm(whole.A.flatten(1).double(), whole.B.flatten(1).double()))
        lost.append(error * norms[-1])
        fitted = LoRAFactors(A, B, 1.0).padded(len(merged[first]))
        # A direction that holds no update keeps the averaged A: with zeros on both sides it would never learn again.
        # Both factors have the root of its singular value, which of nothing is what the SVD of all ranks rounds to.
        nothing = len(whole.A) * torch.finfo(torch.float32).eps * norms[-1]
        empty = fitted.B.transpose(0, 1).flatten(1).norm(dim=1).square() <= nothing
        fitted.A[empty], fitted.B[:, empty] = merged[first][empty].to(fitted.A), 0
        merged[first], merged[second] = fitted.A, fitted.B
    return merged, math.hypot(*lost) / (math.hypot(*norms) or 1.0)
