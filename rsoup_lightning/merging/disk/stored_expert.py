"""Experts as they lie on disk: files of safetensors or of torch, Hugging Face and diffusers folders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from rsoup_lightning.errors import MergeError, WeightsError
from rsoup_lightning.merging.check import HasLayout, check_layout
from rsoup_lightning.merging.disk.checkpoint import SUFFIXES, Checkpoint, read_checkpoint
from rsoup_lightning.merging.disk.io import read_beside
from rsoup_lightning.merging.disk.pickled_shard import PickledShard, in_safetensors, is_pickled_shard
from rsoup_lightning.merging.disk.tensor_file import TensorFile, WeightFile
from rsoup_lightning.merging.disk.trainer_folder import STATE
from rsoup_lightning.merging.factors import check_no_factors
from rsoup_lightning.merging.shard_index import INDEX_SUFFIX, PICKLED_INDEX_SUFFIX, check_indexes, read_index

TEMPLATES = "additional_chat_templates"
PIPELINE_INDEX = "model_index.json"  # of a diffusers folder, whose models lie in folders of their own
OBJECTS = (  # how the names of JSON files end that hold settings or tokens by name
    "config.json",
    PIPELINE_INDEX,
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
)
OTHER_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".gguf")


class Readable(HasLayout, Protocol):
    """A tensor that can be read in slices."""

    def read(self, first: int = 0, count: int | None = None) -> Tensor:
        """``[N]`` of its numbers in order: ``count`` from ``first`` on, or all that follow."""


@dataclass(frozen=True)
class StoredExpert:
    """An expert on disk.

    Attributes:
        path: as the user named it.
        tensors: its tensors by name; in a folder of several models the name begins with the model's folder.
        files: those in which the tensors lie, by their path in the expert as safetensors.
        others: what lies beside the weights (configuration, tokenizer), by path in the expert: a file, or a content.
        checkpoint: what a single file of torch holds.
    """

    path: Path
    tensors: Mapping[str, Readable]
    files: Mapping[str, WeightFile]
    others: Mapping[str, Path | bytes]
    checkpoint: Checkpoint | None = None

    def other(self, relative: str) -> bytes:
        """The content of one of ``others``."""
        return content_of(self.others[relative])

    def close(self) -> None:
        """Free its files."""
        for file in self.files.values():
            file.close()


def content_of(other: Path | bytes) -> bytes:
    """The content of something that lies beside weights."""
    return other.read_bytes() if isinstance(other, Path) else other


@dataclass(frozen=True)
class LoadedTensor(Readable):
    """A tensor of a checkpoint, mapped from its file."""

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
    if not path.exists():
        raise WeightsError(f"no expert at {path}")
    if path.suffix in SUFFIXES:
        checkpoint = read_checkpoint(path)
        tensors = {name: LoadedTensor(tensor.contiguous()) for name, tensor in checkpoint.tensors.items()}
        return StoredExpert(path, tensors, {}, {}, checkpoint)
    raise WeightsError(f"{path} is no .safetensors file, none of torch ({', '.join(SUFFIXES)}) and no folder of them")


def beside_adapter(folder: Path) -> dict[str, Path]:
    """What lies beside an adapter's weights and goes with them, by path in its folder, as of whole models.

    Raises:
        WeightsError: as :func:`carried`.
    """
    found = (inside / name for inside, names in _folders(folder) for name in names)
    weights = (".safetensors", *OTHER_WEIGHTS, STATE)
    return {file.relative_to(folder).as_posix(): carried(file) for file in found if not file.name.endswith(weights)}


def is_pipeline(path: Path) -> bool:
    """Whether ``path`` is a folder that diffusers wrote."""
    return (path / PIPELINE_INDEX).is_file()


def check_stored(experts: Mapping[str, StoredExpert], *, any_floating: bool = False) -> None:
    """Require the same names, shapes and dtypes in all experts; ``any_floating`` lets floating dtypes differ.

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
    check_layout([expert.tensors for expert in experts.values()], list(experts), any_floating=any_floating)


def may_be_tied(name: str) -> bool:
    """Whether models call a tensor so that they tie to another one."""
    return any(part in name for part in ("lm_head", "embed", "shared", "wte"))


def _open_folder(root: Path) -> StoredExpert:
    files: dict[str, WeightFile] = {}
    others: dict[str, Path | bytes] = {}
    tensors: dict[str, Readable] = {}
    try:
        for folder, names in _folders(root):
            inside = folder.relative_to(root).as_posix()
            prefix = "" if inside == "." else f"{inside}/"
            shards: dict[str, WeightFile] = {}
            for name in (name for name in names if name.endswith(".safetensors")):
                files[prefix + name] = shards[name] = TensorFile(folder / name)
            indexes = {name: read_index(folder / name) for name in names if name.endswith(INDEX_SUFFIX)}
            if not shards:  # what lies beside safetensors is the same once more
                for name in filter(is_pickled_shard, names):
                    renamed = in_safetensors(name)
                    files[prefix + renamed] = shards[renamed] = PickledShard(folder / name)
                for name in (name for name in names if name.endswith(PICKLED_INDEX_SUFFIX) and shards):
                    indexes[name] = read_index(folder / name)
                    others[prefix + in_safetensors(name)] = json.dumps(indexes[name]).encode()
            check_indexes(folder, indexes, shards)
            for name, shard in shards.items():
                for key, tensor in shard.tensors.items():
                    if prefix + key in tensors:
                        raise WeightsError(f"two files in {folder} hold {key!r}, one is {name}: remove one of them")
                    tensors[prefix + key] = tensor
            for name in names:
                if name not in shards and not name.endswith((*OTHER_WEIGHTS, PICKLED_INDEX_SUFFIX, STATE)):
                    others[prefix + name] = carried(folder / name)
        if not tensors:
            other = sorted(path.name for path in root.rglob("*") if path.name.endswith(OTHER_WEIGHTS))
            found = f"; {other[0]} is none that transformers or diffusers would load" if other else ""
            raise WeightsError(f"no weights in {root}: expected *.safetensors or pytorch_model*.bin{found}")
    except BaseException:
        for file in files.values():
            file.close()
        raise
    return StoredExpert(root, tensors, files, others)


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """``root``, and those of its folders that are the expert's, with their file names; hidden ones are left out.

    They are the parts of a diffusers pipeline, those of a model of sentence-transformers, and chat templates. Other
    subfolders are not the expert's: a trainer keeps its checkpoints there.
    """

    def refuse(error: OSError) -> None:
        raise WeightsError(f"cannot read {error.filename}: {error.strerror}") from None

    parts = None if is_pipeline(root) else {TEMPLATES, *_modules(root)}
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=refuse):
        inside = Path(folder).relative_to(root)
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith(".") and (parts is None or (inside / name).parts[0] in parts)
        )
        yield Path(folder), sorted(name for name in names if not name.startswith("."))


def _modules(root: Path) -> set[str]:
    """The folders that a model of sentence-transformers says its parts lie in."""
    file = root / "modules.json"
    if not file.is_file():
        return set()
    listed = read_beside(file, list)
    if not all(isinstance(module, dict) and isinstance(module.get("path"), str) for module in listed):
        raise WeightsError(f"{file} is not a list of modules with their paths: save the model again")
    return {Path(module["path"]).parts[0] for module in listed if module["path"]}


def carried(path: Path) -> Path:
    """A file that lies beside weights and goes with them, itself where ``path`` links to it (as in a download cache).

    Raises:
        WeightsError: it is not there, or no whole JSON where it should be: everybody who loads the model needs it.
    """
    if not path.is_file():
        raise WeightsError(
            f"{path} is a link to {path.readlink()}, which is not there"
            if path.is_symlink()
            else f"{path} is not a file"
        )
    if path.suffix == ".json":
        read_beside(path, dict if path.name.endswith(OBJECTS) else object)
    return path.resolve()
