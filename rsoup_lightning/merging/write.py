"""Writing a merged expert: the first expert's files, header for header, with other numbers in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import OutputError
from rsoup_lightning.files import atomic_output, write_json
from rsoup_lightning.merging.engine import Plan, stream
from rsoup_lightning.merging.stored import StoredExpert
from rsoup_lightning.merging.tensor_file import StoredTensor

KEPT_OF_CHECKPOINT = ("hyper_parameters", "hparams_name", "pytorch-lightning_version")
PROVENANCE = "merge.json"

Advance = Callable[[int], None]


def write_merged(
    output: Path,
    plan: Plan,
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
    check_output(output, [expert.path for expert in [*experts, *([init] if init else [])]])
    check_space(output, weight_bytes(first))
    tensors = [expert.tensors for expert in experts], init.tensors if init else None
    as_file = not first.path.is_dir() and output.suffix == first.path.suffix
    with atomic_output(output, overwrite=overwrite) as temporary:
        folder = temporary.parent if as_file else temporary
        folder.mkdir(exist_ok=True)
        if first.checkpoint is not None:
            target = temporary if as_file else folder / first.path.name
            _write_checkpoint(target, plan, *tensors, first.checkpoint, advance)
        else:
            names = {relative: temporary if as_file else folder / relative for relative in first.files}
            _write_files(names, plan, *tensors, first, advance)
        if not as_file:
            for relative, source in first.others.items():
                (folder / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, folder / relative)
            write_json(folder / PROVENANCE, provenance)


def weight_bytes(expert: StoredExpert) -> int:
    """Bytes of all its tensors."""
    return sum(torch.Size(tensor.shape).numel() * tensor.dtype.itemsize for tensor in expert.tensors.values())


def _write_files(
    targets: Mapping[str, Path], plan: Plan, experts: Any, init: Any, first: StoredExpert, advance: Advance
) -> None:
    with ExitStack() as stack:
        descriptors = {}
        for relative, target in targets.items():
            file = first.files[relative]
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptors[file] = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            stack.callback(os.close, descriptors[file])
            _write_at(descriptors[file], memoryview(file.header), 0)

        def write(name: str, start: int, merged: Tensor) -> None:
            stored = first.tensors[name]
            assert isinstance(stored, StoredTensor)
            data = merged.contiguous().view(-1).view(torch.uint8).cpu().numpy().data
            _write_at(descriptors[stored.file], data, stored.start + start * stored.dtype.itemsize)

        stream(plan, experts, init, write, advance)


def _write_checkpoint(
    target: Path, plan: Plan, experts: Any, init: Any, checkpoint: Mapping[str, Any], advance: Advance
) -> None:
    merged = {
        name: torch.empty_like(tensor, memory_format=torch.contiguous_format)
        for name, tensor in checkpoint["state_dict"].items()
    }

    def write(name: str, start: int, values: Tensor) -> None:
        merged[name].view(-1)[start : start + values.numel()] = values.reshape(-1).cpu()

    stream(plan, experts, init, write, advance)
    kept = {key: checkpoint[key] for key in KEPT_OF_CHECKPOINT if key in checkpoint}
    try:
        torch.save({**kept, "epoch": 0, "global_step": 0, "state_dict": merged}, target)
    except RuntimeError as error:  # what torch makes of a disk that is full
        raise OutputError(f"cannot write {target.name}: {str(error).partition('[')[0]}") from error


def _write_at(descriptor: int, data: memoryview, start: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(descriptor, data[done:], start + done)


def check_output(output: Path, sources: Sequence[Path]) -> None:
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
