from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rsoup_lightning.errors import WeightsError
from rsoup_lightning.merging.disk.tensor_file import TensorFile
from rsoup_lightning.merging.shard_index import check_indexes, read_index

NAME = "model.safetensors.index.json"
SHARDS = {"model-1-of-2.safetensors": ["a"], "model-2-of-2.safetensors": ["b", "c"]}
WHERE = {key: shard for shard, keys in SHARDS.items() for key in keys}


def test_pickled_shards_are_called_as_their_copies(tmp_path: Path) -> None:
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "pytorch_model-1-of-1.bin"}, "metadata": {"total_size": 4}}))
    content = read_index(index)
    assert content["weight_map"]["a"].endswith(".safetensors") and content["metadata"] == {"total_size": 4}


@pytest.mark.parametrize("content", [{}, {"weight_map": ["a"]}, {"weight_map": {"a": 1}}])
def test_a_damaged_index_is_named(content: object, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="is not an index of shards"):
        read_index(tmp_path / NAME)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (WHERE, ""),
        ({**WHERE, "d": "model-3-of-3.safetensors"}, "lacks the shard model-3-of-3.safetensors"),
        ({**WHERE, "c": "model-1-of-2.safetensors"}, "says that 'c' is in model-1-of-2.safetensors, and it is not"),
        ({"a": WHERE["a"], "b": WHERE["b"]}, "does not name 'c', which is in model-2-of-2.safetensors"),
        ({"a": WHERE["a"]}, "model-2-of-2.safetensors is a shard that no index names"),
    ],
)
def test_index_and_shards_say_the_same(where: dict[str, str], message: str, tmp_path: Path) -> None:
    for shard, keys in SHARDS.items():
        save_file({key: torch.zeros(1) for key in keys}, tmp_path / shard)
    shards = {shard: TensorFile(tmp_path / shard) for shard in SHARDS}
    if not message:
        check_indexes(tmp_path, {NAME: {"weight_map": where}}, shards)
        return
    with pytest.raises(WeightsError, match=message):
        check_indexes(tmp_path, {NAME: {"weight_map": where}}, shards)
