"""Reading and writing the weights of an expert, never unpickling objects."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from rsoup_lightning.errors import WeightsError
from rsoup_lightning.files import atomic

FILE_NAME = "policy.safetensors"
CHECKPOINT_PREFIX = "policy."  # the policy's attribute name in RewardFineTuner


def read_weights(path: Path) -> dict[str, Tensor]:
    """The policy weights in a ``.safetensors`` file, a folder that holds one, or a Lightning ``.ckpt``.

    A checkpoint is read with torch's weights-only unpickler, which builds tensors and plain containers and nothing
    else; only the tensors of its policy are kept.

    Raises:
        WeightsError: no such file, a truncated one, one that needs unpickling, or a checkpoint without a policy.
    """
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        raise WeightsError(f"no weights at {path}: expected a .safetensors file, a .ckpt, or a folder with {FILE_NAME}")
    if file.suffix == ".safetensors":
        return read_tensors(file)
    if file.suffix == ".ckpt":
        return _read_checkpoint(file)
    raise WeightsError(
        f"{file} is neither .safetensors nor a Lightning .ckpt: other formats can run code when opened; convert it"
    )


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
                f"{file} is no whole safetensors file ({error}): was its writing or copying cut off?"
            ) from error
    tensors = load_pickled(file)
    if not isinstance(tensors, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) and tensor.layout == torch.strided
        for name, tensor in tensors.items()
    ):
        raise WeightsError(f"{file} holds other things than tensors by their names: save a state dict")
    return {name: tensor.detach() for name, tensor in tensors.items()}


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write ``weights`` to ``path/policy.safetensors`` (or to ``path`` if it ends in .safetensors), atomically."""
    file = path if path.suffix == ".safetensors" else path / FILE_NAME
    with atomic(file) as temporary:
        save_file({name: tensor.detach().contiguous().cpu() for name, tensor in weights.items()}, temporary)


def load_checkpoint(file: Path) -> dict[str, Any]:
    """The content of a Lightning checkpoint, its tensors mapped from the file.

    Raises:
        WeightsError: it is damaged, has no ``state_dict`` of tensors, or needs more than tensors and plain containers.
    """
    state = load_pickled(file)
    tensors = state.get("state_dict") if isinstance(state, dict) else None
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise WeightsError(f"{file} is no Lightning checkpoint: it has no state_dict of tensors")
    return state


def load_pickled(file: Path) -> Any:
    """What ``torch.save`` wrote, its tensors mapped from the file; only tensors and plain containers are built.

    Raises:
        WeightsError: it is damaged, or needs more than that.
    """
    try:
        mapped = zipfile.is_zipfile(file)  # not so files of old torch, which are read whole
        return torch.load(file, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{file} needs arbitrary unpickling, which could run code: refused ({reason})") from error
    except Exception as error:  # a damaged pickle fails in as many ways as there are opcodes
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{file} is no whole checkpoint of torch ({type(error).__name__}: {reason})") from error


def _read_checkpoint(file: Path) -> dict[str, Tensor]:
    size = len(CHECKPOINT_PREFIX)
    state = load_checkpoint(file)["state_dict"]
    weights = {name[size:]: tensor.clone() for name, tensor in state.items() if name.startswith(CHECKPOINT_PREFIX)}
    if not weights:
        raise WeightsError(f"{file} holds no policy: none of its tensors is named {CHECKPOINT_PREFIX}*")
    return weights
