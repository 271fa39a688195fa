"""Arithmetic on low-rank adapters, ΔW = s B A (Hu et al. 2022), as soups of experts (Ramé et al. 2023, section 2.2).

A soup averages ΔW. Averaging A and B separately does not: for two experts it misses λ(1-λ) s (B₁-B₂)(A₁-A₂).

Notation: E experts, r rank, ``in`` and ``out`` the sizes of the adapted weight. A is ``[r, in]`` and B ``[out, r]``; of
a convolution ``[r, in, *kernel]`` and ``[out, r, 1, ...]``, which flatten to the same two matrices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import pad

from rsoup_lightning.errors import MergeError, check_name
from rsoup_lightning.merging.in_memory import linear_tensor

FOLDABLE = (torch.float64, torch.float32, torch.bfloat16, torch.float16)

Mode = Literal["exact", "factor"]


@dataclass(frozen=True)
class LoRAFactors:
    """One expert's update of one module.

    Attributes:
        A: ``[r, in]``.
        B: ``[out, r]``.
        scaling: s.
        embedding: whether the module is a table of embeddings, whose weight is stored as ``[in, out]``.
    """

    A: Tensor
    B: Tensor
    scaling: float
    embedding: bool = False

    @property
    def rank(self) -> int:
        """Of the update, at most."""
        return self.A.shape[0]

    @property
    def layout(self) -> str:
        """What must agree between experts, in words."""
        kind = "an embedding" if self.embedding else "linear"
        return f"{kind}, A [r, {str(list(self.A.shape[1:]))[1:-1]}] {self.A.dtype}, B [{len(self.B)}, r] {self.B.dtype}"

    def padded(self, rank: int) -> LoRAFactors:
        """The same update with zeros up to ``rank``."""
        more = [0, rank - self.rank]
        A = pad(self.A, [0, 0] * (self.A.ndim - 1) + more)
        return LoRAFactors(A, pad(self.B, [0, 0] * (self.B.ndim - 2) + more), self.scaling, self.embedding)


@dataclass(frozen=True)
class LayerReport:
    """What merging did to one module.

    Attributes:
        module: its name in the base model.
        rank: of its merged update.
        gap: how far mode "factor" is from "exact", over ‖ΔW_exact‖_F; None where "factor" is impossible, or
            where ΔW_exact is nothing and that of "factor" is not.
        error: what reducing the rank lost, relative to ‖ΔW‖_F.
    """

    module: str
    rank: int
    gap: float | None
    error: float


def merge_module(
    module: str, factors: Sequence[LoRAFactors | None], coefficients: Sequence[float], mode: Mode, rank: int | None
) -> tuple[LoRAFactors, LayerReport]:
    """The soup of one module at scaling 1, of at most ``rank`` ranks; None is an expert that does not adapt it.

    Raises:
        MergeError: ranks or scalings differ in mode "factor", a rank below one, or an update that is not finite.
    """
    check_name("mode of LoRA", mode, get_args(Mode))
    pairs = [(item, weight) for item, weight in zip(factors, coefficients, strict=True) if item is not None]
    items, weights = [item for item, _ in pairs], [weight for _, weight in pairs]
    merged = factor(items, weights, module) if mode == "factor" else exact(items, weights)
    A, B, error = merged.A, _scaled(merged.B, merged.scaling), 0.0
    if not B.isfinite().all():
        raise MergeError(f"the update of {module!r} overflows {B.dtype}")
    if rank is not None and rank < merged.rank:
        A, B, error = reduce_rank(A, B, rank)
    distance = gap(items, weights)[1] if len(items) == len(factors) and averageable(items) else math.inf
    known = distance if math.isfinite(distance) else None  # what is written of it is JSON, which has no infinity
    return LoRAFactors(A, B, 1.0, merged.embedding), LayerReport(module, A.shape[0], known, error)


def exact(factors: Sequence[LoRAFactors], coefficients: Sequence[float]) -> LoRAFactors:
    """The soup as one adapter of concatenated ranks: ΔW = Σ λ_i s_i B_i A_i, with scaling 1.

    The ranks and scalings may differ. Experts that weigh zero are left out.

    >>> a, b = torch.ones(1, 2), torch.ones(3, 1)
    >>> soup = exact([LoRAFactors(a, b, 2.0), LoRAFactors(a, 3 * b, 1.0)], [0.5, 0.5])
    >>> soup.rank, (soup.B @ soup.A)[0].tolist()
    (2, [2.5, 2.5])
    """
    pairs = list(zip(factors, coefficients, strict=True))
    used = [(item, weight) for item, weight in pairs if weight != 0] or pairs[:1]
    return LoRAFactors(
        A=torch.cat([item.A for item, _ in used]),
        B=torch.cat([_scaled(item.B, weight * item.scaling) for item, weight in used], dim=1),
        scaling=1.0,
        embedding=used[0][0].embedding,
    )


def factor(factors: Sequence[LoRAFactors], coefficients: Sequence[float], module: str = "module") -> LoRAFactors:
    """The paper's mode: A and B averaged separately, each as any other weight.

    Args:
        factors: one update per expert, of equal rank and scaling.
        coefficients: λ, one per expert.
        module: what to call the module in errors.

    Raises:
        MergeError: ranks or scalings differ; names the module.
    """
    if not averageable(factors):
        sizes = ", ".join(f"rank {item.rank} with scaling {item.scaling:g}" for item in factors)
        raise MergeError(f"the factors of {module!r} cannot be averaged ({sizes}): use the mode 'exact' (--lora exact)")
    return LoRAFactors(
        A=linear_tensor([item.A for item in factors], coefficients, f"{module}.lora_A"),
        B=linear_tensor([item.B for item in factors], coefficients, f"{module}.lora_B"),
        scaling=factors[0].scaling,
        embedding=factors[0].embedding,
    )


def averageable(factors: Sequence[LoRAFactors]) -> bool:
    """Whether :func:`factor` applies: all ranks are equal, and all scalings."""
    return len({(item.rank, item.scaling) for item in factors}) == 1


def gap(factors: Sequence[LoRAFactors], coefficients: Sequence[float]) -> tuple[float, float]:
    """How far :func:`factor` is from :func:`exact`: ‖ΔW_exact - ΔW_factor‖_F, and the same over ‖ΔW_exact‖_F.

    For two experts the first is λ(1-λ) s ‖(B₁-B₂)(A₁-A₂)‖_F. No ``[out, in]`` matrix is formed.

    Raises:
        MergeError: ranks or scalings differ.
    """
    # Squared norms cancel when the gap is small; in float32 that would hide gaps below some 3e-4 of ΔW.
    wide = [LoRAFactors(item.A.double().flatten(1), item.B.double().flatten(1), item.scaling) for item in factors]
    soup, mean = exact(wide, coefficients), factor(wide, coefficients)
    absolute = update_norm(torch.cat([soup.A, mean.A]), torch.cat([soup.B, -mean.scaling * mean.B], dim=1))
    whole = update_norm(soup.A, soup.B)
    return absolute, absolute / whole if whole else math.inf if absolute else 0.0


def reduce_rank(A: Tensor, B: Tensor, rank: int) -> tuple[Tensor, Tensor, float]:
    """The best product of lower rank (Eckart and Young 1936): the truncated SVD of B A, by way of the factors' QR.

    Args:
        A: ``[r, in]``.
        B: ``[out, r]``.
        rank: how many singular values to keep, at least one.

    Returns:
        A ``[rank, in]`` and B ``[out, rank]`` (fewer ranks where B A has no more), and the relative error in the
        Frobenius norm, sqrt(Σ_{i > rank} σ_i²) / sqrt(Σ σ_i²).

    Raises:
        MergeError: a rank below one.
    """
    if rank < 1:
        raise MergeError(f"an adapter cannot be reduced to rank {rank}: give at least 1")
    wide = torch.promote_types(A.dtype, torch.float32)
    basis_b, core_b = torch.linalg.qr(B.to(wide).flatten(1))
    basis_a, core_a = torch.linalg.qr(A.to(wide).flatten(1).T)
    left, sigma, right = torch.linalg.svd(core_b @ core_a.T, full_matrices=False)
    root = sigma[:rank].sqrt()  # half to each side keeps both factors in the range of a narrow dtype
    new_b = basis_b @ (left[:, :rank] * root)
    new_a = (root[:, None] * right[:rank]) @ basis_a.T
    total = float(torch.linalg.vector_norm(sigma))
    error = float(torch.linalg.vector_norm(sigma[rank:])) / total if total else 0.0
    return (
        new_a.reshape(-1, *A.shape[1:]).to(A.dtype),
        new_b.reshape(B.shape[0], -1, *B.shape[2:]).to(B.dtype),
        error,
    )


def dense(
    weight: Tensor,
    factors: Sequence[LoRAFactors],
    coefficients: Sequence[float],
    *,
    transpose: bool = False,
    module: str = "module",
) -> Tensor:
    """The base weight with the soup folded in: W + Σ λ_i s_i B_i A_i, in float32 (float64 stays so), cast back.

    Args:
        weight: ``[out, in]``, or ``[in, out]`` with ``transpose``.
        factors: one update per expert; ranks and scalings may differ.
        coefficients: λ, one per expert.
        transpose: for weights stored fan-in first, as embeddings and GPT-2's Conv1D are.
        module: what to call the module in errors.

    Raises:
        MergeError: a quantised weight, or one of another shape than B A; names the module.
    """
    if weight.dtype not in FOLDABLE:
        raise MergeError(f"{module!r} is {weight.dtype} in the base: fold into the model before its quantisation")
    total = weight.to(torch.promote_types(weight.dtype, torch.float32), copy=True).contiguous()
    for item, coefficient in zip(factors, coefficients, strict=True):
        shape = (item.B.shape[0], *item.A.shape[1:])
        if (shape[::-1] if transpose else shape) != weight.shape:
            stored = "transposed " if transpose else ""
            raise MergeError(f"{module!r} is {tuple(weight.shape)} in the base but its {stored}update is of {shape}")
        if coefficient != 0:
            left, right = item.B.to(total.dtype).flatten(1), item.A.to(total.dtype).flatten(1)
            if transpose:
                left, right = right.T, left.T
            total.flatten(1).addmm_(left, right, alpha=coefficient * item.scaling)  # a view: total is contiguous
    return total.to(weight.dtype)


def _scaled(tensor: Tensor, by: float) -> Tensor:
    """``tensor`` times ``by``, in float32 (float64 stays so), cast back."""
    return (tensor.to(torch.promote_types(tensor.dtype, torch.float32)) * by).to(tensor.dtype)


def update_norm(A: Tensor, B: Tensor) -> float:
    """‖B A‖_F from two r x r Gram matrices: ‖B A‖² = tr(BᵀB AAᵀ). Rounding may leave it a little below zero."""
    return math.sqrt(max(0.0, float(((B.T @ B) * (A @ A.T)).sum())))
