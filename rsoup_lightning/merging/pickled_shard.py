"""A shard of a model's folder that torch pickled, as PyTorch's models were saved until 2023, seen as safetensors.

So the engine streams it, and what is written of it is safetensors, which everything that reads the former reads, too.
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import torch

from rsoup_lightning.errors import WeightsError
from rsoup_lightning.merging.io import read_tensors
from rsoup_lightning.merging.tensor_file import NAMES, StoredTensor, WeightFile, layout

PICKLED = ("pytorch_model", "diffusion_pytorch_model")  # how the names of such files begin


def is_pickled_shard(name: str) -> bool:
    """Whether a file's name is that of pickled weights, and not of a trainer's state."""
    return name.startswith(PICKLED) and name.endswith(".bin")


def in_safetensors(name: str) -> str:
    """What a pickled shard, or an index of them, is called as safetensors.

    >>> in_safetensors("pytorch_model-00001-of-00002.bin"), in_safetensors("diffusion_pytorch_model.bin")
    ('model-00001-of-00002.safetensors', 'diffusion_pytorch_model.safetensors')
    """
    return name.removeprefix("pytorch_").replace(".bin", ".safetensors")


class PickledShard(WeightFile):
    """The tensors of such a file, mapped from it.

    Args:
        path: the file.

    Raises:
        WeightsError: it is damaged, holds other things than tensors by name, or a dtype that safetensors does not have.
    """

    def __init__(self, path: Path) -> None:
        found = read_tensors(path)
        for name, tensor in found.items():
            if tensor.dtype not in NAMES:
                raise WeightsError(f"{path}: tensor {name!r} has dtype {tensor.dtype}, which cannot be merged")
        described = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in found.items()}
        self.header, starts = layout(described, {"format": "pt"})
        self.tensors = {name: StoredTensor(self, *described[name], start) for name, start in starts.items()}
        self._places = [(starts[name], name) for name in found]
        self._tensors = found

    def read_into(self, buffer: memoryview, start: int) -> None:
        # An empty tensor starts where the next one does; of several at a place, the last one has the bytes.
        place, name = self._places[bisect_right(self._places, start, key=lambda item: item[0]) - 1]
        flat = self._tensors[name].contiguous().view(-1).view(torch.uint8)
        buffer[:] = flat[start - place : start - place + len(buffer)].numpy().data

    def close(self) -> None:
        self._tensors = {}
