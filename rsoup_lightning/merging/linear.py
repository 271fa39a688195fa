"""Linear interpolation, the soup itself: θ_λ = Σ λ_i θ_i (Ramé et al. 2023, section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rsoup_lightning.merging.check import check_match
from rsoup_lightning.simplex import check_coefficients


def linear_tensor(tensors: Sequence[Tensor], coefficients: Sequence[float]) -> Tensor:
    """The λ-weighted sum of one tensor over the experts, in float32 (float64 stays so), cast back.

    Experts that weigh zero are left out, so a one-hot λ is that expert bit for bit; other dtypes than floating
    are the first expert's, as :func:`check_match` has seen them agree.
    """
    pairs = list(zip(tensors, coefficients, strict=True))
    used = [(tensor, weight) for tensor, weight in pairs if weight != 0] or pairs[:1]
    first, weight = used[0]
    if not first.is_floating_point() or (len(used) == 1 and weight == 1):
        return first.clone()
    wide = torch.promote_types(first.dtype, torch.float32)
    total = first.to(wide) * weight
    for tensor, weight in used[1:]:
        total.add_(tensor.to(wide), alpha=weight)
    return total.to(first.dtype)


def linear(
    experts: Sequence[Mapping[str, Tensor]],
    coefficients: Sequence[float],
    *,
    names: Sequence[str] | None = None,
    extrapolate: bool = False,
) -> dict[str, Tensor]:
    """The soup of whole experts as a new mapping of tensors.

    Args:
        experts: E mappings of tensors with the same keys, shapes and dtypes.
        coefficients: λ, one per expert, on the simplex.
        names: what to call the experts in errors.
        extrapolate: allow any λ.

    Raises:
        CoefficientError: λ off the simplex.
        MergeError: experts that do not fit each other.

    >>> linear([{"w": torch.zeros(2)}, {"w": torch.ones(2)}], [0.25, 0.75])["w"].tolist()
    [0.75, 0.75]
    """
    weights = check_coefficients(coefficients, len(experts), extrapolate=extrapolate)
    check_match(experts, names)
    return {key: linear_tensor([expert[key] for expert in experts], weights) for key in experts[0]}
