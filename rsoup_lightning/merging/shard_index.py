"""The index of a model's shards, ``*.index.json``: which tensor lies in which file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rsoup_lightning.errors import WeightsError
from rsoup_lightning.merging.disk.io import read_beside
from rsoup_lightning.merging.disk.pickled_shard import in_safetensors
from rsoup_lightning.merging.disk.tensor_file import WeightFile

INDEX_SUFFIX = ".safetensors.index.json"
PICKLED_INDEX_SUFFIX = ".bin.index.json"
WHERE = "weight_map"
NUMBERED = re.compile(r"-\d+-of-\d+\.safetensors$")  # the name of one shard of several


def read_index(index: Path) -> dict[str, Any]:
    """The content of an index; one of pickled shards as that of the same shards in safetensors.

    Raises:
        WeightsError: it is damaged.
    """
    content: dict[str, Any] = read_beside(index)
    where = content.get(WHERE)
    if not isinstance(where, dict) or not all(isinstance(shard, str) for shard in where.values()):
        raise WeightsError(f"{index} is not an index of shards: it has no {WHERE} of names to files")
    if not index.name.endswith(PICKLED_INDEX_SUFFIX):
        return content
    return {**content, WHERE: {name: in_safetensors(shard) for name, shard in where.items()}}


def check_indexes(folder: Path, indexes: Mapping[str, Mapping[str, Any]], shards: Mapping[str, WeightFile]) -> None:
    """Require the indexes of a folder and the shards beside them to say the same.

    Args:
        folder: where they are.
        indexes: what :func:`read_index` gave, by their names.
        shards: by their names.

    Raises:
        WeightsError: a shard or a tensor that one of the two lacks.
    """
    for name, content in indexes.items():
        index, where = folder / name, content[WHERE]
        for shard in sorted(set(where.values()) - shards.keys()):
            raise WeightsError(f"{folder} lacks the shard {shard} that its index names")
        for key, shard in where.items():
            if key not in shards[shard].tensors:
                raise WeightsError(f"{index} says that {key!r} is in {shard}, and it is not")
        for shard in sorted(set(where.values())):
            for key in shards[shard].tensors.keys() - where.keys():
                raise WeightsError(f"{index} does not name {key!r}, which is in {shard}")
    named = {shard for content in indexes.values() for shard in content[WHERE].values()}
    for shard in sorted(shards.keys() - named):
        if NUMBERED.search(shard):
            raise WeightsError(f"{folder / shard} is a shard that no index names: was the index lost or cut off?")
