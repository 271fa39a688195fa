"""Applies a merge method to one named tensor at a time: whole mappings in memory, or experts on disk, streamed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from itertools import islice
from math import isclose, prod
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.check import is_counter
from rsoup_lightning.merging.disk.stored_expert import Readable
from rsoup_lightning.merging.methods import Ingredients, MergeMethod
from rsoup_lightning.simplex import TOLERANCE, Coefficients
from rsoup_lightning.threads import cores, one_thread

SLICE = 2**18  # elements worked on at a time where a method allows it: a few megabytes

PIECES_PER_WORKER = 64


@dataclass(frozen=True)
class MergePlan:
    """How to merge.

    Attributes:
        method: the way.
        coefficients: λ of every tensor that no group names.
        groups: regular expressions over tensor names to the λ of the tensors they match; the first match counts.
        device: where to compute; None: where the experts are.
        names: what to call the experts in errors.
        dtype: of the floating tensors that come out; None: that of the first expert's.
        counters: of batch normalisation, by name: what one more expert has counted.
    """

    method: MergeMethod
    coefficients: Coefficients
    groups: Mapping[str, Coefficients] = field(default_factory=dict)
    device: torch.device | None = None
    names: Sequence[str] = ()
    dtype: torch.dtype | None = None
    counters: Mapping[str, Tensor] = field(default_factory=dict)

    def dtype_of(self, stored: torch.dtype) -> torch.dtype:
        """What a tensor that the first expert has in ``stored`` comes out as."""
        return self.dtype if self.dtype and stored.is_floating_point else stored

    def coefficients_of(self, name: str) -> Coefficients:
        """λ of the tensor called ``name``."""
        matching = (weights for pattern, weights in self.groups.items() if re.search(pattern, name))
        return next(matching, self.coefficients)

    @property
    def labels(self) -> list[str]:
        """What to call the experts in errors."""
        return list(self.names) or [f"expert {index}" for index in range(len(self.coefficients))]


def merge_tensor(plan: MergePlan, name: str, experts: Sequence[Tensor], init: Tensor | None = None) -> Tensor:
    """One tensor merged in float32 (float64 stays so) and cast back: a new one.

    Where the method keeps experts, those that weigh zero are left out, so that a one-hot λ is that expert bit for bit,
    and what they agree on, as on weights that were not trained, stays as it is. What holds no floating numbers must
    agree, but for the counters of batch normalisation, of which the largest counts.

    Raises:
        MergeError: integers that differ, or a result that is not finite; names the tensor.
    """
    chosen = _chosen(plan, name, experts[0].dtype)
    merged = _merge(plan, name, [experts[index] for index in chosen], chosen, init)
    return merged.clone() if any(merged is expert for expert in experts) else merged


def _chosen(plan: MergePlan, name: str, dtype: torch.dtype) -> list[int]:
    """Which experts the result depends on; the others are not even read."""
    weights = plan.coefficients_of(name)
    used = [index for index, weight in enumerate(weights) if weight != 0]
    alone = [weights[index] for index in used] == [1.0]
    # Slerp needs both of its experts, also one that weighs nothing, unless the other is the whole answer.
    drops = plan.method.keeps_experts and (plan.method.elementwise or alone)
    weighed = dtype.is_floating_point or is_counter(name)
    return used if used and drops and weighed else list(range(len(weights)))


def _merge(plan: MergePlan, name: str, experts: Sequence[Tensor], chosen: Sequence[int], init: Tensor | None) -> Tensor:
    """The ``chosen`` experts merged; maybe one of them itself."""
    first = experts[0]
    if is_counter(name) and not first.is_floating_point():
        return torch.stack([*experts, *([plan.counters[name]] if name in plan.counters else [])]).amax(0)
    if not first.is_floating_point():
        if not all(first.equal(other) for other in experts[1:]):
            raise MergeError(f"{name!r} holds no floating numbers and differs between {', '.join(plan.labels)}")
        return first
    for index, expert in zip(chosen, experts, strict=True):
        if expert.dtype.itemsize == 1:  # float8, which torch does not compute with
            raise MergeError(f"{name!r} of {plan.labels[index]} is {expert.dtype}, which cannot be merged: cast it")
    weights = [plan.coefficients_of(name)[index] for index in chosen]
    whole = plan.method.keeps_experts and isclose(sum(weights), 1, abs_tol=TOLERANCE)
    agreed = whole and all(first.dtype == other.dtype and first.equal(other) for other in experts[1:])
    wide = reduce(torch.promote_types, {expert.dtype for expert in experts}, torch.float32)
    device = plan.device or first.device
    given = Ingredients(
        name=name,
        experts=_Widened(experts, device, wide),
        coefficients=weights,
        init=None if init is None else init.to(device, wide),
    )
    # Methods that see whole tensors may hide what is not finite: they are not asked.
    hiding = not plan.method.elementwise and not all(_finite(tensor) for tensor in given.experts)
    merged = (first if agreed or hiding else plan.method.function(given)).to(first.device, plan.dtype_of(first.dtype))
    if _finite(merged) and not hiding:
        return merged
    return _masked(name, merged, {plan.labels[i]: tensor for i, tensor in zip(chosen, experts, strict=True)}, init)


class _Widened(Sequence[Tensor]):
    """Tensors that take their wide form when they are asked for: a sum has one of them at a time in the cache."""

    def __init__(self, tensors: Sequence[Tensor], device: torch.device, dtype: torch.dtype) -> None:
        self._tensors, self._device, self._dtype = tensors, device, dtype

    def __len__(self) -> int:
        return len(self._tensors)

    def __getitem__(self, index: Any) -> Any:
        found = self._tensors[index]
        if isinstance(index, slice):
            return _Widened(found, self._device, self._dtype)
        return found.to(self._device, self._dtype)


def _finite(tensor: Tensor) -> bool:
    """Whether all numbers are finite: seen at their sum, and at each of them where that is not finite."""
    narrow = tensor.dtype == torch.float16  # whose sum overflows; that of bfloat16 has the range of float32
    return bool(tensor.sum(dtype=torch.float32 if narrow else None).isfinite() or tensor.isfinite().all())


def check_groups(plan: MergePlan, names: Sequence[str]) -> None:
    """Require each group's expression to be one, and to match some tensor.

    Raises:
        MergeError: names the expression.
    """
    for pattern in plan.groups:
        try:
            matched = any(re.search(pattern, name) for name in names)
        except re.error as error:
            raise MergeError(f"the group {pattern!r} is not a regular expression: {error}") from None
        if not matched:
            raise MergeError(f"the group {pattern!r} matches no tensor: names look like {names[0]!r}")


def stream(
    plan: MergePlan,
    experts: Sequence[Mapping[str, Readable]],
    init: Mapping[str, Readable] | None,
    write: Callable[[str, int, Tensor], None],
    advance: Callable[[int], None] = lambda count: None,
) -> None:
    """Merge experts that lie on disk piece by piece, one at a time per CPU core.

    Pieces are slices where the method is elementwise, so that memory does not grow with the model; else whole tensors.

    Args:
        plan: how.
        experts: E mappings of the same names, shapes and dtypes.
        init: the shared initialisation, likewise, where the method needs it.
        write: called with a name, the first element, and the merged elements; from several threads, in no order.
        advance: called with the bytes that are finished.
    """

    def work(piece: tuple[str, int, int | None]) -> None:
        name, first, count = piece
        chosen = _chosen(plan, name, experts[0][name].dtype)
        parts = [experts[index][name].read(first, count) for index in chosen]
        common = init[name].read(first, count) if init else None
        if not plan.method.elementwise:
            shape = experts[0][name].shape
            parts, common = [part.view(shape) for part in parts], None if common is None else common.view(shape)
        merged = _merge(plan, name, parts, chosen, common)
        write(name, first, merged)
        advance(merged.numel() * merged.dtype.itemsize)

    # Until it has freed a block this large, glibc gives memory back after each piece and faults it in anew for the next
    # (mallopt(3), dynamic thresholds): ten times the cost of the arithmetic. No page of this block is ever touched.
    torch.empty(31 * 2**20, dtype=torch.uint8)
    workers = cores()
    pieces = _pieces(plan, experts[0])
    with one_thread(), ThreadPoolExecutor(workers) as pool:  # each worker on a core of its own
        try:
            # A few pieces at a time: all of a large model's would fill the memory that slicing saves.
            while batch := list(islice(pieces, PIECES_PER_WORKER * workers)):
                for _ in pool.map(work, batch):
                    pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _pieces(plan: MergePlan, tensors: Mapping[str, Readable]) -> Iterator[tuple[str, int, int | None]]:
    """Name, first element and count of everything to do."""
    for name, tensor in tensors.items():
        if plan.method.elementwise:
            elements = prod(tensor.shape)
            for first in range(0, elements, SLICE):
                yield name, first, min(SLICE, elements - first)
        else:
            yield name, 0, None


def _masked(name: str, merged: Tensor, experts: Mapping[str, Tensor], init: Tensor | None) -> Tensor:
    """``merged``, with the infinities that all experts agree on, as masks have them, where those are.

    Raises:
        MergeError: more than those is not finite; says whose weights, or that the merge itself overflows.
    """
    first = next(iter(experts.values()))
    agreed = not first.isnan().any() and all(first.equal(other) for other in experts.values())
    if agreed and (merged.isfinite() >= first.isfinite()).all():
        return merged.where(first.isfinite(), first.to(merged.dtype))
    for label, tensor in experts.items():
        if not agreed and not tensor.isfinite().all():
            raise MergeError(f"{name!r} of {label} holds NaN or infinite weights: that training diverged")
    diverged = init is not None and (init.isfinite() < first.isfinite()).any()
    raise MergeError(f"{name!r}: {'init holds NaN or infinite weights' if diverged else 'overflows'}")
