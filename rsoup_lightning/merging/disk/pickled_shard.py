"""A shard of a model's folder that torch pickled, as PyTorch's models were saved until 2023, seen as safetensors.

So the engine streams it, and what is written of it is safetensors, which everything that reads the former reads, too.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from rsoup_lightning.errors import WeightsError
from rsoup_lightning.merging.disk.io import read_tensors
from rsoup_lightning.merging.disk.tensor_file import NAMES, LaidOutFile

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


class PickledShard(LaidOutFile):
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
        super().__init__(
            {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in found.items()}, {"format": "pt"}
        )
        self._tensors = found

    def values(self, name: str, first: int, count: int) -> Tensor:
        return self._tensors[name].contiguous().view(-1)[first : first + count]

    def close(self) -> None:
        self._tensors = {}
