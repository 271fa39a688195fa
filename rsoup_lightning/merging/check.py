"""Do these experts fit each other? Said by name, before any arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from rsoup_lightning.errors import MergeError


def check_match(experts: Sequence[Mapping[str, Tensor]], names: Sequence[str] | None = None) -> None:
    """Require the same keys, shapes and dtypes, and equal integer buffers, in all experts.

    Args:
        experts: one mapping of tensors per expert.
        names: what to call them in errors; default "expert 0", "expert 1", ...

    Raises:
        MergeError: names the first key that differs, and how.
    """
    if not experts:
        raise MergeError("there is no expert to merge")
    labels = list(names) if names else [f"expert {index}" for index in range(len(experts))]
    first = experts[0]
    for label, other in zip(labels[1:], experts[1:], strict=True):
        for key in first.keys() - other.keys():
            raise MergeError(f"{label} lacks the tensor {key!r} that {labels[0]} has")
        for key in other.keys() - first.keys():
            raise MergeError(f"{label} has the tensor {key!r} that {labels[0]} lacks")
        for key, tensor in first.items():
            twin = other[key]
            if twin.shape != tensor.shape:
                raise MergeError(
                    f"{key!r} has shape {tuple(tensor.shape)} in {labels[0]} but {tuple(twin.shape)} in {label}"
                )
            if twin.dtype != tensor.dtype:
                raise MergeError(f"{key!r} is {tensor.dtype} in {labels[0]} but {twin.dtype} in {label}")
            if not tensor.is_floating_point() and not tensor.equal(twin):
                raise MergeError(f"{key!r} is no floating tensor and differs between {labels[0]} and {label}")
