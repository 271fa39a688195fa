"""Shards that torch pickled, against what safetensors itself reads of their bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from rsoup_lightning.errors import WeightsError
from rsoup_lightning.merging.disk.pickled_shard import PickledShard, in_safetensors, is_pickled_shard

TENSORS = {
    "odd": torch.arange(7.0).bfloat16(),
    "empty": torch.empty(0, 3),
    "turned": torch.arange(12.0).view(3, 4).T,
    "number": torch.tensor(3),
    "größe": torch.tensor([True, False]),
}


def test_its_bytes_are_those_of_a_safetensors_file(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "pytorch_model.bin")
    shard = PickledShard(tmp_path / "pytorch_model.bin")
    content = bytearray(shard.header)
    for name, stored in shard.tensors.items():
        assert stored.start == len(content)
        content += stored.read().view(torch.uint8).numpy().tobytes()
        assert not stored.elements or torch.equal(stored.read(1), TENSORS[name].reshape(-1)[1:])
    back = load(bytes(content))
    assert back.keys() == TENSORS.keys()
    assert all(torch.equal(back[name], tensor) and back[name].dtype == tensor.dtype for name, tensor in TENSORS.items())
    shard.close()


def test_a_dtype_that_safetensors_does_not_have(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(2, dtype=torch.complex64)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"'w' has dtype torch\.complex64, which cannot be merged"):
        PickledShard(tmp_path / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pytorch_model.bin", "model.safetensors"),
        ("pytorch_model-00001-of-00002.bin", "model-00001-of-00002.safetensors"),
        ("pytorch_model.bin.index.json", "model.safetensors.index.json"),
        ("diffusion_pytorch_model.bin", "diffusion_pytorch_model.safetensors"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert in_safetensors(name) == expected


def test_a_trainers_state_is_no_shard() -> None:
    assert not any(map(is_pickled_shard, ("training_args.bin", "optimizer.bin", "pytorch_model.pt", "scheduler.pt")))
