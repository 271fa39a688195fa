"""Tensors with a row per token, as embeddings, of models that number tokens differently or have more of them.

Each expert's rows are read in the numbering of the first one, continued by the tokens that only others have. Where an
expert lacks a token, its row is the mean of the others' rows: so every way to merge works on it, and a token that one
expert alone knows has its row at every λ.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.disk.skeleton import CONFIG, token_dimensions
from rsoup_lightning.merging.disk.stored_expert import StoredExpert, content_of
from rsoup_lightning.merging.disk.tensor_file import LaidOutFile, StoredTensor, WeightFile, metadata
from rsoup_lightning.merging.kinds.numbering import Numbering, number
from rsoup_lightning.merging.kinds.vocabulary import Others, Vocabulary, with_tokens, written

SIZE = "vocab_size"


@dataclass(frozen=True, eq=False)
class EmbeddingRows:
    """One expert's tensor by tokens.

    Attributes:
        tensor: as it is stored.
        dimension: the one of tokens; those before it have one entry.
        places: ``[R]``, which of its rows is that of each token of the merged model; -1 where it has none.
    """

    tensor: StoredTensor
    dimension: int
    places: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the merged tensor."""
        before, after = self.tensor.shape[: self.dimension], self.tensor.shape[self.dimension + 1 :]
        return (*before, len(self.places), *after)

    @property
    def width(self) -> int:
        """Numbers per row."""
        return prod(self.tensor.shape[self.dimension + 1 :])

    def read(self, rows: Tensor) -> Tensor:
        """Its rows ``[K]`` as ``[K, width]``, neighbours at once."""
        ends = [0, *((rows.diff() != 1).nonzero().flatten() + 1).tolist(), len(rows)]
        runs = [(int(rows[first]), last - first) for first, last in pairwise(ends) if last > first]
        parts = [self.tensor.read(row * self.width, count * self.width) for row, count in runs]
        return torch.cat([torch.empty(0, dtype=self.tensor.dtype), *parts]).view(-1, self.width)


class MatchedFile(LaidOutFile):
    """A file of an expert, some of its tensors with the rows of the merged model.

    Args:
        file: as it is stored; whoever opened it closes it.
        matched: of each such tensor, the expert's own rows, and those of all experts.
    """

    def __init__(self, file: WeightFile, matched: Mapping[str, tuple[EmbeddingRows, Sequence[EmbeddingRows]]]) -> None:
        self._file = file
        self._matched = {name: rows for name, rows in matched.items() if name in file.tensors}
        shapes = {name: own.shape for name, (own, _) in self._matched.items()}
        described = {name: (one.dtype, shapes.get(name, one.shape)) for name, one in file.tensors.items()}
        super().__init__(described, metadata(file.header))

    def values(self, name: str, first: int, count: int) -> Tensor:
        if name not in self._matched:
            return self._file.tensors[name].read(first, count)
        own, everybody = self._matched[name]
        begin, end = first // own.width, -(-(first + count) // own.width)
        return _filled(own, everybody, begin, end).view(-1)[first - begin * own.width :][:count]

    def close(self) -> None:
        pass


def _filled(own: EmbeddingRows, everybody: Sequence[EmbeddingRows], begin: int, end: int) -> Tensor:
    """Rows ``begin`` to ``end`` of the merged model in one expert, ``[end - begin, width]``."""
    places = own.places[begin:end]
    result = torch.zeros(end - begin, own.width, dtype=own.tensor.dtype)
    result[places >= 0] = own.read(places[places >= 0])
    lacking = (places < 0).nonzero().flatten()
    if len(lacking):
        total = torch.zeros(len(lacking), own.width, dtype=torch.promote_types(own.tensor.dtype, torch.float32))
        count = torch.zeros(len(lacking), 1)
        for other in everybody:
            theirs = other.places[begin + lacking]
            total[theirs >= 0] += other.read(theirs[theirs >= 0]).to(total.dtype)
            count[theirs >= 0] += 1
        result[lacking] = (total / count.clamp(min=1)).to(result.dtype)
    return result


def match_rows(experts: Mapping[str, StoredExpert], vocabularies: Mapping[str, Vocabulary]) -> dict[str, StoredExpert]:
    """``experts`` with the tokens of all, numbered as in the first, whose configuration and tokenizer then fit them.

    Args:
        experts: folders of models of transformers, by what to call them.
        vocabularies: of each of them.

    Raises:
        MergeError: only the class of a model tells which tensors have a row per token, and it cannot be built or does
            not fit the tensors; or two tokens of one expert have the same number.
    """
    first = next(iter(experts.values()))
    why = f"{' and '.join(experts)} do not have the same tokens"
    for label in experts:
        if shared := vocabularies[label].shared_number():
            raise MergeError(f"{why}, and in {label} {shared}: there would be one row for both")
    try:
        groups = token_dimensions(first.path, first.tensors)
    except MergeError as error:
        raise MergeError(f"{why}, and only the class of a model tells where it has a row for each: {error}") from None
    if not groups:
        raise MergeError(f"{why}, and their class has no row for any: remove the tokenizers, or give all the same one")
    found = {name: side for group in groups for name, side in _stored(group, experts, why).items()}
    counts = [_count(expert, found, f"{label}: {why}") for label, expert in experts.items()]
    numbering = number([vocabularies[label] for label in experts], counts)
    places = [numbering.places(vocabularies[label], count) for label, count in zip(experts, counts, strict=True)]
    rows = {
        name: [
            EmbeddingRows(_at(expert, name), side, where)
            for expert, where in zip(experts.values(), places, strict=True)
        ]
        for name, side in found.items()
    }
    result = {}
    for index, (label, expert) in enumerate(experts.items()):
        matched = {name: (everybody[index], everybody) for name, everybody in rows.items()}
        files = {
            relative: MatchedFile(file, matched) if "/" not in relative else file
            for relative, file in expert.files.items()
        }
        own = {
            name: one for file in files.values() if isinstance(file, MatchedFile) for name, one in file.tensors.items()
        }
        others = _fitting(expert.others, counts[0], numbering) if expert is first else expert.others
        result[label] = replace(expert, tensors={**expert.tensors, **own}, files=files, others=others)
    return result


def _stored(group: Mapping[str, int], experts: Mapping[str, StoredExpert], why: str) -> dict[str, int]:
    """The names, of those of one tensor of a class, under which all experts store it, with its side of tokens."""
    names = {
        name: side
        for name, side in group.items()
        if all(name in one.tensors and len(one.tensors[name].shape) > side for one in experts.values())
    }
    if not names:
        raise MergeError(f"{why}, and not all of them store {min(group)!r}, which has a row for each")
    return names


def _at(expert: StoredExpert, name: str) -> StoredTensor:
    tensor = expert.tensors[name]
    assert isinstance(tensor, StoredTensor)  # in folders all are
    return tensor


def _count(expert: StoredExpert, found: Mapping[str, int], why: str) -> int:
    """How many rows an expert has for tokens."""
    counts = {name: expert.tensors[name].shape[side] for name, side in found.items()}
    if len(set(counts.values())) > 1 or any(
        prod(expert.tensors[name].shape[:side]) > 1 for name, side in found.items()
    ):
        raise MergeError(f"{why}, and it has not one row for each token in all of {', '.join(sorted(counts))}")
    return next(iter(counts.values()))


def _fitting(others: Others, before: int, numbering: Numbering) -> dict[str, Path | bytes]:
    """What lies beside weights, for a model with more tokens."""
    changed = with_tokens(others, numbering.extra) if numbering.extra else dict(others)
    if numbering.size != before:
        config = json.loads(content_of(others[CONFIG]))
        resized = _of_size(config, before, numbering.size)
        if resized == config:
            raise MergeError(
                f"{numbering.size} tokens are merged, and no {SIZE} in {os.fsdecode(others[CONFIG])} is {before}: "
                "write it there"
            )
        changed[CONFIG] = written(resized)
    return changed


def _of_size(value: Any, before: int, size: int) -> Any:
    """A model's configuration, and those in it, with another number of rows for tokens."""
    if not isinstance(value, dict):
        return value
    return {
        key: size if key == SIZE and item == before else _of_size(item, before, size) for key, item in value.items()
    }
