"""Writing a merged expert: the first expert's files, header for header, with other numbers in them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import OutputError
from rsoup_lightning.files import atomic_output, write_json
from rsoup_lightning.merging.disk.checkpoint import Checkpoint
from rsoup_lightning.merging.disk.stored_expert import INDEX_SUFFIX, StoredExpert
from rsoup_lightning.merging.disk.tensor_file import StoredTensor, WeightFile, layout, metadata
from rsoup_lightning.merging.engine import MergePlan, stream
from rsoup_lightning.merging.kinds.vocabulary import written

PROVENANCE = "merge.json"
TOTAL = "total_size"  # bytes of weights, in an index of shards
CONFIG = "config.json"  # of a model that transformers or diffusers wrote

Advance = Callable[[int], None]


def write_merged(
    output: Path,
    plan: MergePlan,
    experts: Sequence[StoredExpert],
    init: StoredExpert | None,
    *,
    provenance: Mapping[str, Any],
    overwrite: bool = False,
    advance: Advance = lambda count: None,
) -> None:
    """Merge stored experts into ``output``, whole or not at all.

    A folder becomes a folder, with the first expert's configuration and tokenizer and a ``merge.json``. A single file
    becomes a file where ``output`` has its suffix, else a folder with that file.

    Raises:
        OutputError: it exists, cannot be written, does not fit on the disk, or is one of the experts.
        MergeError: weights that cannot be merged.
    """
    first = experts[0]
    check_apart(output, [expert.path for expert in [*experts, *([init] if init else [])]])
    check_space(output, weight_bytes(first, plan.dtype))
    tensors = [expert.tensors for expert in experts], init.tensors if init else None
    as_file = not first.path.is_dir() and output.suffix == first.path.suffix
    with atomic_output(output, overwrite=overwrite) as temporary:
        folder = temporary.parent if as_file else temporary
        if not as_file:
            folder.mkdir()
        if first.checkpoint is not None:
            target = temporary if as_file else folder / first.path.name
            _write_checkpoint(target, plan, *tensors, first.checkpoint, advance)
        else:
            names = {relative: temporary if as_file else folder / relative for relative in first.files}
            _write_files(names, plan, *tensors, first, advance)
        if not as_file:
            for relative in first.others:
                (folder / relative).parent.mkdir(parents=True, exist_ok=True)
                (folder / relative).write_bytes(_beside(first, relative, plan))
            write_json(folder / PROVENANCE, provenance)


def weight_bytes(expert: StoredExpert, dtype: torch.dtype | None = None) -> int:
    """Bytes of all its tensors, the floating ones in ``dtype`` if one is given."""
    return sum(
        prod(tensor.shape) * (dtype if dtype and tensor.dtype.is_floating_point else tensor.dtype).itemsize
        for tensor in expert.tensors.values()
    )


def _write_files(
    targets: Mapping[str, Path], plan: MergePlan, experts: Any, init: Any, first: StoredExpert, advance: Advance
) -> None:
    with ExitStack() as stack:
        places: dict[StoredTensor, tuple[int, int]] = {}
        for relative, target in targets.items():
            file = first.files[relative]
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            stack.callback(os.close, descriptor)
            header, starts = _layout(file, plan)
            _write_at(descriptor, memoryview(header), 0)
            places |= {stored: (descriptor, starts[name]) for name, stored in file.tensors.items()}

        def write(name: str, start: int, merged: Tensor) -> None:
            stored = first.tensors[name]
            assert isinstance(stored, StoredTensor)
            descriptor, begin = places[stored]
            data = merged.contiguous().view(-1).view(torch.uint8).cpu().numpy().data
            _write_at(descriptor, data, begin + start * merged.dtype.itemsize)

        stream(plan, experts, init, write, advance)


def _beside(first: StoredExpert, relative: str, plan: MergePlan) -> bytes:
    """What lies beside the first expert's weights, with what it says of their dtype and size as they are written."""
    content, name = first.other(relative), relative.rpartition("/")[2]
    if plan.dtype and name == CONFIG:
        return written(_of_dtype(json.loads(content), str(plan.dtype).removeprefix("torch.")))
    if name.endswith(INDEX_SUFFIX):
        index, inside = json.loads(content), relative.removesuffix(name)
        shards = [file for shard, file in first.files.items() if shard.rpartition("/")[0] == inside.rstrip("/")]
        tensors = [tensor for file in shards for tensor in file.tensors.values()]
        size = sum(tensor.elements * plan.dtype_of(tensor.dtype).itemsize for tensor in tensors)
        described = index.get("metadata")
        if isinstance(described, dict) and described.get(TOTAL, size) != size:
            return written({**index, "metadata": {**described, TOTAL: size}})
    return content


def _of_dtype(value: Any, dtype: str) -> Any:
    """A model's configuration, and those in it, with what it says of the weights' dtype replaced."""
    if not isinstance(value, dict):
        return value
    named = ("dtype", "torch_dtype")
    return {key: dtype if key in named and item else _of_dtype(item, dtype) for key, item in value.items()}


def _layout(file: WeightFile, plan: MergePlan) -> tuple[bytes, dict[str, int]]:
    """The header of what is written of ``file``, and where its tensors start: its own but for another dtype."""
    if plan.dtype is None:
        return file.header, {name: stored.start for name, stored in file.tensors.items()}
    described = {name: (plan.dtype_of(stored.dtype), stored.shape) for name, stored in file.tensors.items()}
    return layout(described, metadata(file.header))


def _write_checkpoint(
    target: Path, plan: MergePlan, experts: Any, init: Any, checkpoint: Checkpoint, advance: Advance
) -> None:
    merged = {
        name: torch.empty(tensor.shape, dtype=plan.dtype_of(tensor.dtype))
        for name, tensor in checkpoint.tensors.items()
    }

    def write(name: str, start: int, values: Tensor) -> None:
        merged[name].view(-1)[start : start + values.numel()] = values.reshape(-1).cpu()

    stream(plan, experts, init, write, advance)
    checkpoint.save(target, merged)


def _write_at(descriptor: int, data: memoryview, start: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(descriptor, data[done:], start + done)


def check_apart(output: Path, sources: Sequence[Path]) -> None:
    """Require that ``output`` is none of ``sources``, in none of them, and around none of them.

    Raises:
        OutputError: it is.
    """
    target = output.resolve()
    for source in sources:
        real = source.resolve()
        if target == real or target in real.parents or real in target.parents:
            raise OutputError(f"the output {output} and {source} lie in each other: choose another output")


def check_space(output: Path, needed: int) -> None:
    """Require ``needed`` bytes of room.

    Raises:
        OutputError: there are fewer.
    """
    existing = next(parent for parent in output.absolute().parents if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise OutputError(f"{output} needs {needed / 1e9:.1f} GB, and the disk has {free / 1e9:.1f} GB left")
