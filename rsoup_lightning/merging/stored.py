"""Experts as they lie on disk: safetensors files, Hugging Face and diffusers folders, Lightning checkpoints."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from rsoup_lightning.errors import MergeError, WeightsError
from rsoup_lightning.merging.check import HasLayout, check_layout
from rsoup_lightning.merging.factors import check_no_factors
from rsoup_lightning.merging.io import load_checkpoint
from rsoup_lightning.merging.tensor_file import TensorFile

INDEX_SUFFIX = ".safetensors.index.json"
PIPELINE_INDEX = "model_index.json"  # of a diffusers folder, whose models lie in folders of their own
OTHER_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".gguf")


class Readable(HasLayout, Protocol):
    """A tensor that can be read in slices."""

    def read(self, first: int = 0, count: int | None = None) -> Tensor: ...


@dataclass(frozen=True)
class StoredExpert:
    """An expert on disk.

    Attributes:
        path: as the user named it.
        tensors: its tensors by name; in a folder of several models the name begins with the model's folder.
        files: safetensors files by their path in the expert, in which the tensors lie.
        others: what lies beside the weights (configuration, tokenizer), by path in the expert.
        checkpoint: the content of a Lightning checkpoint.
    """

    path: Path
    tensors: Mapping[str, Readable]
    files: Mapping[str, TensorFile]
    others: Mapping[str, Path]
    checkpoint: Mapping[str, Any] | None = None

    def close(self) -> None:
        """Free its files."""
        for file in self.files.values():
            file.close()


@dataclass(frozen=True)
class LoadedTensor:
    """A tensor of a Lightning checkpoint, mapped from its file."""

    tensor: Tensor

    @property
    def dtype(self) -> torch.dtype:
        return self.tensor.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape)

    def read(self, first: int = 0, count: int | None = None) -> Tensor:
        flat = self.tensor.reshape(-1)
        return flat[first:] if count is None else flat[first : first + count]


def open_expert(path: Path) -> StoredExpert:
    """What ``path`` holds, without reading the tensors.

    Raises:
        WeightsError: no weights there, a shard missing, an index that lies, a damaged file, or a format that can run
            code when opened.
    """
    if path.is_dir():
        return _open_folder(path)
    if path.suffix == ".safetensors":
        file = TensorFile(path)
        return StoredExpert(path, file.tensors, {path.name: file}, {})
    if path.suffix == ".ckpt" and path.is_file():
        state = load_checkpoint(path)
        tensors = {name: LoadedTensor(tensor.contiguous()) for name, tensor in state["state_dict"].items()}
        return StoredExpert(path, tensors, {}, {}, state)
    if not path.exists():
        raise WeightsError(f"no expert at {path}")
    raise WeightsError(f"{path} is no .safetensors file, no Lightning .ckpt and no folder of safetensors")


def is_pipeline(path: Path) -> bool:
    """Whether ``path`` is a folder that diffusers wrote."""
    return (path / PIPELINE_INDEX).is_file()


def check_stored(experts: Mapping[str, StoredExpert]) -> None:
    """Require the same names, shapes and dtypes in all experts.

    Raises:
        MergeError: names the first tensor that differs, and how, or that is a factor of an update.
    """
    (first_label, first), *rest = experts.items()
    check_no_factors(first.tensors, first_label)
    for label, other in rest:
        for missing, has, lacks in (
            (first.tensors.keys() - other.tensors.keys(), first_label, label),
            (other.tensors.keys() - first.tensors.keys(), label, first_label),
        ):
            for name in sorted(missing):
                hint = " (one ties it to another tensor: save both the same way)" if may_be_tied(name) else ""
                raise MergeError(f"{lacks} lacks the tensor {name!r} that {has} has{hint}")
    check_layout([expert.tensors for expert in experts.values()], list(experts))


def may_be_tied(name: str) -> bool:
    """Whether models call a tensor so that they tie to another one."""
    return any(part in name for part in ("lm_head", "embed", "shared", "wte"))


def _open_folder(root: Path) -> StoredExpert:
    files: dict[str, TensorFile] = {}
    others: dict[str, Path] = {}
    tensors: dict[str, Readable] = {}
    try:
        for folder, names in _folders(root):
            inside = folder.relative_to(root).as_posix()
            prefix = "" if inside == "." else f"{inside}/"
            shards = {}
            for name in (name for name in names if name.endswith(".safetensors")):
                files[prefix + name] = shards[name] = TensorFile(folder / name)
            for index in (name for name in names if name.endswith(INDEX_SUFFIX)):
                _check_index(folder / index, shards)
            for name, shard in shards.items():
                for key, tensor in shard.tensors.items():
                    if prefix + key in tensors:
                        raise WeightsError(f"two files in {folder} hold {key!r}, one is {name}: remove one of them")
                    tensors[prefix + key] = tensor
            for name in names:
                if name not in shards and not name.endswith(OTHER_WEIGHTS):
                    others[prefix + name] = _real(folder / name)
        if not tensors:
            unsafe = sorted(path.name for path in root.rglob("*") if path.name.endswith(OTHER_WEIGHTS))
            found = f"; {unsafe[0]} can run code when opened: convert it to safetensors" if unsafe else ""
            raise WeightsError(f"no safetensors weights in {root}{found}")
    except BaseException:
        for file in files.values():
            file.close()
        raise
    return StoredExpert(root, tensors, files, others)


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """``root``, and the parts of a diffusers pipeline, with their file names; hidden ones are left out.

    Other subfolders are not the expert's: a trainer keeps its checkpoints there.
    """

    def refuse(error: OSError) -> None:
        raise WeightsError(f"cannot read {error.filename}: {error.strerror}") from error

    whole = is_pipeline(root)
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=refuse):
        subfolders[:] = sorted(name for name in subfolders if whole and not name.startswith("."))
        yield Path(folder), sorted(name for name in names if not name.startswith("."))


def _real(path: Path) -> Path:
    """The file itself, where ``path`` links to it (as in a download cache)."""
    if not path.exists():
        raise WeightsError(f"{path} is a link to {path.readlink()}, which is not there")
    return path.resolve()


def _check_index(index: Path, shards: Mapping[str, TensorFile]) -> None:
    """Require an index and the shards beside it to say the same."""
    try:
        where: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        pairs = list(where.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{index} is no index of shards ({error!r})") from error
    for shard in sorted(set(where.values()) - shards.keys()):
        raise WeightsError(f"{index.parent} lacks the shard {shard} that its index names")
    for key, shard in pairs:
        if key not in shards[shard].tensors:
            raise WeightsError(f"{index} says that {key!r} is in {shard}, and it is not")
    for shard in sorted(set(where.values())):
        for key in shards[shard].tensors.keys() - where.keys():
            raise WeightsError(f"{index} does not name {key!r}, which is in {shard}")
