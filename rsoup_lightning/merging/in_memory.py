"""Merging whole experts in memory; the linear soup itself is θ_λ = Σ λ_i θ_i (Ramé et al. 2023, section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging import methods
from rsoup_lightning.merging.check import check_layout, check_match
from rsoup_lightning.merging.engine import MergePlan, merge_tensor
from rsoup_lightning.merging.factors import check_no_factors
from rsoup_lightning.simplex import check_coefficients


def merge_weights(
    experts: Sequence[Mapping[str, Tensor]],
    coefficients: Sequence[float],
    *,
    method: str = "linear",
    init: Mapping[str, Tensor] | None = None,
    names: Sequence[str] | None = None,
    extrapolate: bool = False,
    **options: Any,
) -> dict[str, Tensor]:
    """Whole experts merged into a new mapping of tensors, by any registered method.

    Args:
        experts: E mappings of tensors with the same keys, shapes and dtypes.
        coefficients: λ, one per expert, on the simplex.
        method: how: the name of a registered method.
        init: the shared initialisation, where the method works on task vectors.
        names: what to call the experts in errors.
        extrapolate: allow any λ.
        **options: settings of the method.

    Raises:
        CoefficientError: λ off the simplex.
        MergeError: experts that do not fit each other, factors of updates, or weights that are not finite.
        ConfigError: a method without its init, or with a setting it does not have.
    """
    chosen = methods.method(method, options)
    weights = check_coefficients(coefficients, len(experts), extrapolate=extrapolate)
    check_match(experts, names)
    check_no_factors(experts[0], names[0] if names else "expert 0")
    if not chosen.needs_init:
        init = None
    else:
        if init is None:
            raise ConfigError(f"the method {method!r} works on task vectors, expert minus init: give init")
        check_layout([experts[0], init], [names[0] if names else "expert 0", "init"])
    plan = MergePlan(chosen, weights, names=names or ())
    return {
        key: merge_tensor(plan, key, [expert[key] for expert in experts], init[key] if init else None)
        for key in experts[0]
    }


def linear_tensor(
    tensors: Sequence[Tensor], coefficients: Sequence[float], name: str, names: Sequence[str] | None = None
) -> Tensor:
    """The λ-weighted sum of one tensor over the experts, in float32 (float64 stays so), cast back.

    Args:
        tensors: one per expert.
        coefficients: λ.
        name: of the tensor: counters of batches are known by it, and errors name it.
        names: what to call the experts in errors.
    """
    return merge_tensor(MergePlan(methods.method("linear"), tuple(coefficients), names=names or ()), name, tensors)


def linear(
    experts: Sequence[Mapping[str, Tensor]],
    coefficients: Sequence[float],
    *,
    names: Sequence[str] | None = None,
    extrapolate: bool = False,
) -> dict[str, Tensor]:
    """The soup of whole experts: :func:`merge_weights` by the linear method.

    >>> import torch
    >>> linear([{"w": torch.zeros(2)}, {"w": torch.ones(2)}], [0.25, 0.75])["w"].tolist()
    [0.75, 0.75]
    """
    return merge_weights(experts, coefficients, names=names, extrapolate=extrapolate)
