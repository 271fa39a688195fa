from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rsoup_lightning.errors import WeightsError
from rsoup_lightning.merging.disk.tensor_file import DTYPES, TensorFile


def _file(folder: Path) -> Path:
    path = folder / "x.safetensors"
    generator = torch.Generator().manual_seed(0)
    tensors = {f"t.{name}": torch.randn(7, 5, generator=generator).to(dtype) for name, dtype in DTYPES.items()}
    save_file({**tensors, "scalar": torch.tensor(3.0), "empty": torch.zeros(0, 4)}, path, {"format": "pt"})
    return path


def test_reads_what_safetensors_wrote(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    path = _file(tmp_path)
    expected, file = load_file(path), TensorFile(path)
    assert file.tensors.keys() == expected.keys()
    for name, tensor in file.tensors.items():
        assert tensor.dtype == expected[name].dtype
        assert tensor.shape == expected[name].shape
        assert torch.equal(tensor.read().view(torch.uint8), expected[name].reshape(-1).view(torch.uint8))
    assert torch.equal(file.tensors["t.F32"].read(6, 9), expected["t.F32"].flatten()[6:15])
    file.close()


@pytest.mark.parametrize("size", [0, 4, 9, 200, -1])
def test_a_cut_file(tmp_path: Path, size: int) -> None:
    path = _file(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(WeightsError, match=r"x.safetensors is damaged: .*cut off"):
        TensorFile(path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 800]}, "claims 800 bytes"),
        ({"dtype": "F32", "shape": [200], "data_offsets": [0, 800]}, "'w' ends after the file"),
        ({"dtype": "F4", "shape": [2], "data_offsets": [0, 8]}, "dtype F4"),
        ({"dtype": "F32", "shape": [-2, -1], "data_offsets": [0, 8]}, "not a whole number"),
        ({"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]}, "dtype F8_E4M3, which cannot be merged"),
        ({"shape": [2]}, "not that of a safetensors file"),
        ("nonsense", "not that of a safetensors file"),
    ],
)
def test_a_header_that_lies(tmp_path: Path, entry: object, message: str) -> None:
    header = json.dumps({"w": entry}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(WeightsError, match=message):
        TensorFile(path)


@pytest.mark.parametrize(
    "header",
    [
        b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":NaN}}',
        '{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'.encode("utf-16"),
        b'{"\\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    ],
)
def test_a_header_that_only_python_would_read(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(WeightsError, match=r"x.safetensors is damaged"):
        TensorFile(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot open"):
        TensorFile(tmp_path / "none.safetensors")
