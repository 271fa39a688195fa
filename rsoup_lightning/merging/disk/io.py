"""Reading and writing the weights of an expert, never unpickling objects."""

from __future__ import annotations

import errno
import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from rsoup_lightning.errors import WeightsError
from rsoup_lightning.files import atomic, read_value

FILE_NAME = "policy.safetensors"
CHECKPOINT_PREFIX = "policy."  # the policy's attribute name in RewardFineTuner


def read_weights(path: Path) -> dict[str, Tensor]:
    """The policy weights in a ``.safetensors`` file, a folder that holds one, or a file that ``torch.save`` wrote.

    The latter is read with torch's weights-only unpickler, which builds tensors and plain containers and nothing else.
    Of a Lightning ``.ckpt`` only the tensors of its policy are kept; ``.pt``, ``.pth`` and ``.bin`` hold nothing else.

    Raises:
        WeightsError: no such file, a truncated one, one that needs unpickling, or a checkpoint without a policy.
    """
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        raise WeightsError(f"no weights at {path}: expected a .safetensors file, a .ckpt, or a folder with {FILE_NAME}")
    if file.suffix in (".safetensors", ".pt", ".pth", ".bin"):
        return read_tensors(file)
    if file.suffix == ".ckpt":
        return _read_checkpoint(file)
    raise WeightsError(f"{file} is neither .safetensors nor a .ckpt, .pt, .pth or .bin of torch: convert it")


def read_tensors(file: Path) -> dict[str, Tensor]:
    """All tensors in one file, by name: in safetensors, or as ``torch.save`` wrote a mapping (``.bin``, ``.pt``).

    The latter is read with torch's weights-only unpickler, which runs no code of the file.

    Raises:
        WeightsError: a damaged file, or one that holds other things than tensors by name.
    """
    if file.suffix == ".safetensors":
        try:
            return load_file(file)
        except (SafetensorError, ValueError, OSError) as error:
            raise WeightsError(
                f"{file} is not a whole safetensors file ({error}): was its writing or copying cut off?"
            ) from None
    return check_tensors(load_pickled(file), file)


def check_tensors(found: Any, file: Path) -> dict[str, Tensor]:
    """``found``, which was unpickled from ``file``, if it is plain tensors by name.

    Raises:
        WeightsError: it is something else.
    """
    if not isinstance(found, Mapping) or not found:
        raise WeightsError(f"{file} holds no tensors by their names: save a state dict")
    for name, tensor in found.items():
        if not isinstance(name, str) or not _is_text(name) or not isinstance(tensor, Tensor):
            raise WeightsError(f"{file} holds {name!r:.60}, which is not a tensor by its name: save a state dict")
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
            raise WeightsError(f"{file}: {name!r} is sparse, quantised or without numbers: save plain tensors")
        if tensor.nbytes > tensor.untyped_storage().nbytes():  # which would fill memory as it is written out
            raise WeightsError(f"{file}: {name!r} repeats its numbers: save its contiguous()")
    return {name: tensor.detach() for name, tensor in found.items()}


def _is_text(name: str) -> bool:
    """Whether ``name`` can be written: a pickle may hold halves of characters."""
    return name.encode(errors="ignore").decode() == name


def read_beside(file: Path, kind: type = dict) -> Any:
    """What a JSON file beside weights holds, if that is of a ``kind``.

    Raises:
        WeightsError: it cannot be read, is not whole, or holds something else.
    """
    try:
        content = read_value(file)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file} is not a whole JSON file ({error}): was its writing or copying cut off?") from None
    if not isinstance(content, kind):
        raise WeightsError(f"{file} holds a {type(content).__name__} and not a {kind.__name__}: it is damaged")
    return content


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write ``weights`` to ``path/policy.safetensors`` (or to ``path`` if it ends in .safetensors), atomically."""
    file = path if path.suffix == ".safetensors" else path / FILE_NAME
    with atomic(file) as temporary:
        save_tensors(temporary, weights)


def save_tensors(file: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, in which names of one tensor, as models tie them, have its numbers each.

    Raises:
        OSError: it cannot be written, as where the disk is full; safetensors itself raises an error of its own.
    """
    held: dict[str, Tensor] = {}
    places: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().contiguous().cpu()
        held[name] = plain.clone() if plain.data_ptr() in places else plain
        places.add(plain.data_ptr())
    try:
        save_file(held, file, metadata)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, os.strerror(code) if number else str(error), str(file)) from None


def load_pickled(file: Path, name: Path | None = None) -> Any:
    """What ``torch.save`` wrote, its tensors mapped from the file; only tensors and plain containers are built.

    Args:
        file: what to read.
        name: what to call it in errors, if not by its own name.

    Raises:
        WeightsError: it is damaged, or needs more than that.
    """
    storages: list[torch.UntypedStorage] = []

    def on_cpu(storage: Any, _: str) -> Any:
        """Where torch is to put a storage: where it is."""
        storages.append(storage)
        return storage

    try:
        mapped = zipfile.is_zipfile(file)  # not so files of old torch: read whole
        records = _record_sizes(file) if mapped else []
        with warnings.catch_warnings(action="ignore"):  # of torch to itself, on what a damaged file asks for
            content = torch.load(file, map_location=on_cpu, weights_only=True, mmap=mapped)
        sizes = [storage.nbytes() for storage in sorted(storages, key=torch.UntypedStorage.data_ptr)]
        if mapped and [size for size in sizes if size] != records:  # torch does not check what it maps
            raise ValueError("its tensors are not of the size of its records")
        return content
    except pickle.UnpicklingError as error:
        reason = _first_line(str(error).partition("WeightsUnpickler error:")[2] or str(error))
        raise WeightsError(
            f"{name or file} needs arbitrary unpickling, which could run code: refused ({reason})"
        ) from None
    except Exception as error:  # a damaged pickle fails in as many ways as there are opcodes
        reason = f"{type(error).__name__}: {_first_line(str(error))}"
        raise WeightsError(f"{name or file} is not a whole checkpoint of torch ({reason})") from None


def check_archive(archive: zipfile.ZipFile) -> None:
    """Require a zip file as torch and Stable-Baselines3 write them: nothing compressed, no name twice, all of it whole.

    Raises:
        ValueError: it is another one.
    """
    members = archive.infolist()
    if any(info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size for info in members):
        raise ValueError("it is compressed, which those of torch are not")
    if len({info.filename for info in members}) < len(members):
        raise ValueError("it has a member twice")
    if damaged := archive.testzip():
        raise ValueError(f"its member {damaged!r} is not what it was when it was written")


def _record_sizes(file: Path) -> list[int]:
    """Bytes of each tensor's storage in a file of torch, by their place; those without any left out."""
    with zipfile.ZipFile(file) as archive:
        check_archive(archive)
        records = [info for info in archive.infolist() if info.filename.partition("/")[2].startswith("data/")]
    return [info.file_size for info in sorted(records, key=lambda info: info.header_offset) if info.file_size]


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def load_checkpoint(file: Path) -> dict[str, Any]:
    """The content of a checkpoint of Lightning, its tensors mapped from the file.

    Raises:
        WeightsError: it is damaged, has no ``state_dict`` of tensors, or needs more than tensors and plain containers.
    """
    content = load_pickled(file)
    if not isinstance(content, dict) or "state_dict" not in content:
        raise WeightsError(f"{file} is not a Lightning checkpoint: it has no state_dict of tensors")
    return {**content, "state_dict": check_tensors(content["state_dict"], file)}


def _read_checkpoint(file: Path) -> dict[str, Tensor]:
    size = len(CHECKPOINT_PREFIX)
    state = load_checkpoint(file)["state_dict"]
    weights = {name[size:]: tensor.clone() for name, tensor in state.items() if name.startswith(CHECKPOINT_PREFIX)}
    if not weights:
        raise WeightsError(f"{file} holds no policy: none of its tensors is named {CHECKPOINT_PREFIX}*")
    return weights
