"""Do these experts fit each other? Said by name, before any arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from rsoup_lightning.errors import MergeError


class HasLayout(Protocol):
    """A tensor, or one that is not read yet."""

    @property
    def dtype(self) -> torch.dtype:
        """Of its numbers."""

    @property
    def shape(self) -> tuple[int, ...]:
        """How many of them along each axis."""


Layout = TypeVar("Layout", bound=HasLayout)


def check_layout(
    experts: Sequence[Mapping[str, HasLayout]], names: Sequence[str] | None = None, *, any_floating: bool = False
) -> None:
    """Require the same keys, shapes and dtypes in all experts.

    Args:
        experts: one mapping of tensors per expert.
        names: what to call them in errors; default "expert 0", "expert 1", ...
        any_floating: whether the floating dtypes may differ.

    Raises:
        MergeError: names the first key that differs, and how.
    """
    for first_label, first, label, other in _pairs(experts, names):
        for key in first.keys() - other.keys():
            raise MergeError(f"{label} lacks the tensor {key!r} that {first_label} has")
        for key in other.keys() - first.keys():
            raise MergeError(f"{label} has the tensor {key!r} that {first_label} lacks")
        for key, tensor in first.items():
            twin = other[key]
            if twin.shape != tensor.shape:
                shapes = f"{tuple(tensor.shape)} in {first_label} but {tuple(twin.shape)} in {label}"
                raise MergeError(f"{key!r} has shape {shapes}")
            floating = twin.dtype.is_floating_point and tensor.dtype.is_floating_point
            if twin.dtype != tensor.dtype and not (floating and any_floating):
                cure = ": cast one of them (rsoup merge takes --dtype)" if floating else ""
                raise MergeError(f"{key!r} is {tensor.dtype} in {first_label} but {twin.dtype} in {label}{cure}")


def check_match(experts: Sequence[Mapping[str, Tensor]], names: Sequence[str] | None = None) -> None:
    """:func:`check_layout`, and equal values in every tensor that cannot be interpolated (integers, booleans).

    Raises:
        MergeError: names the first key that differs, and how.
    """
    if not experts:
        raise MergeError("there is no expert to merge")
    check_layout(experts, names)
    for first_label, first, label, other in _pairs(experts, names):
        for key, tensor in first.items():
            if not tensor.is_floating_point() and not is_counter(key) and not tensor.equal(other[key]):
                raise MergeError(f"{key!r} is not a floating tensor and differs between {first_label} and {label}")


def is_counter(name: str) -> bool:
    """Whether a tensor counts the batches that batch normalisation has seen: soups take the largest."""
    return name.rpartition(".")[2] == "num_batches_tracked"


def _pairs(
    experts: Sequence[Mapping[str, Layout]], names: Sequence[str] | None
) -> Iterator[tuple[str, Mapping[str, Layout], str, Mapping[str, Layout]]]:
    """The first expert with each of the others, by name."""
    labels = list(names) if names else [f"expert {index}" for index in range(len(experts))]
    for label, other in zip(labels[1:], experts[1:], strict=True):
        yield labels[0], experts[0], label, other
