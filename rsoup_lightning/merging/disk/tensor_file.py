"""One safetensors file, read piece by piece: never mapped, so that memory does not grow with the model.

The layout (https://github.com/huggingface/safetensors): 8 bytes, little-endian, the size of a JSON header; the header,
name to dtype, shape and byte range; then the tensors' bytes. Everything the header claims is checked before use.
"""

from __future__ import annotations

import json
import math
import os
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from rsoup_lightning.errors import WeightsError

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
LARGEST_HEADER = 100_000_000  # bytes, the format's own limit


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor in a file, not yet read.

    Attributes:
        file: where it is.
        dtype: of its elements.
        shape: as it will be.
        start: its first byte in the file.
    """

    file: WeightFile
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    def read(self, first: int = 0, count: int | None = None) -> Tensor:
        """Elements ``first`` to ``first + count`` as a flat tensor; all of them by default."""
        count = self.elements - first if count is None else count
        buffer = torch.empty(count * self.dtype.itemsize, dtype=torch.uint8)
        self.file.read_into(buffer.numpy().data, self.start + first * self.dtype.itemsize)
        return buffer.view(self.dtype)


class WeightFile(ABC):
    """An open file of tensors as a safetensors file would lay them out.

    Attributes:
        header: the size field and the JSON.
        tensors: by name, in the order of their bytes.
    """

    header: bytes
    tensors: Mapping[str, StoredTensor]

    @abstractmethod
    def read_into(self, buffer: memoryview, start: int) -> None:
        """Fill ``buffer`` with the bytes of one tensor from ``start`` on; safe from several threads."""

    @abstractmethod
    def close(self) -> None:
        """Free the file."""


class LaidOutFile(WeightFile):
    """Tensors that come from elsewhere, laid out as a safetensors file would.

    Args:
        described: dtype and shape by name.
        texts: what its header says beside them.
    """

    def __init__(self, described: Mapping[str, tuple[torch.dtype, tuple[int, ...]]], texts: Mapping[str, str]) -> None:
        self.header, starts = layout(described, texts)
        self.tensors = {name: StoredTensor(self, *described[name], start) for name, start in starts.items()}
        self._places = [(start, name) for name, start in starts.items()]

    def read_into(self, buffer: memoryview, start: int) -> None:
        if not buffer:
            return
        # An empty tensor starts where the next one does; of several at a place, the last one has the bytes.
        place, name = self._places[bisect_right(self._places, start, key=lambda item: item[0]) - 1]
        dtype = self.tensors[name].dtype
        values = self.values(name, (start - place) // dtype.itemsize, len(buffer) // dtype.itemsize)
        buffer[:] = values.view(torch.uint8).numpy().data

    @abstractmethod
    def values(self, name: str, first: int, count: int) -> Tensor:
        """Elements ``first`` to ``first + count`` of one tensor, flat."""


class TensorFile(WeightFile):
    """An open safetensors file.

    Args:
        path: the file; it stays open until :meth:`close`.

    Raises:
        WeightsError: no file, or its header is damaged or claims what the file does not hold.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise WeightsError(f"cannot open {path}: {error.strerror}") from None
        try:
            self._size = os.fstat(self._descriptor).st_size
            self.header = self._read_header()
            self.tensors = self._tensors()
            self._check_by_safetensors()
        except BaseException:
            self.close()
            raise

    def read_into(self, buffer: memoryview, start: int) -> None:
        done = 0
        while done < len(buffer):
            got = os.preadv(self._descriptor, [buffer[done:]], start + done)
            if not got:
                raise WeightsError(f"{self.path} became shorter while it was read")
            done += got

    def close(self) -> None:
        os.close(self._descriptor)

    def _read_header(self) -> bytes:
        """The size field and the JSON, as they stand in the file."""
        prefix = os.pread(self._descriptor, 8, 0)
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or length > min(LARGEST_HEADER, self._size - 8):
            raise self._damaged(f"its header claims {length:,} bytes, the file has {self._size:,}")
        return prefix + os.pread(self._descriptor, length, 8)

    def _check_by_safetensors(self) -> None:
        """Let the format's own library refuse what else it does not allow, as NaN or UTF-16 in the header."""
        try:
            with safe_open(self.path, "np"):
                pass
        except SafetensorError as error:
            raise self._damaged(str(error)) from None

    def _tensors(self) -> dict[str, StoredTensor]:
        try:
            entries = json.loads(self.header[8:], object_pairs_hook=_once)
            metadata = entries.pop("__metadata__", {})
            if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
                raise TypeError("its metadata are not texts by name")
            ordered = sorted(entries.items(), key=lambda item: item[1]["data_offsets"])
            end = 0
            for name, entry in ordered:
                begin, previous, end = entry["data_offsets"][0], end, entry["data_offsets"][1]
                if begin != previous:
                    raise self._damaged(f"tensor {name!r} does not begin where the one before it ends")
            tensors = {name: self._tensor(name, entry) for name, entry in ordered}
            if len(self.header) + end != self._size:
                raise self._damaged(f"its tensors end at byte {len(self.header) + end:,} of {self._size:,}")
            return tensors
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise self._damaged(f"its header is not that of a safetensors file ({error})") from None

    def _tensor(self, name: str, entry: dict[str, Any]) -> StoredTensor:
        if entry["dtype"] not in DTYPES:
            raise WeightsError(f"{self.path}: tensor {name!r} has dtype {entry['dtype']}, which cannot be merged")
        begin, end = entry["data_offsets"]
        if any(type(number) is not int or number < 0 for number in (begin, end, *entry["shape"])):
            raise self._damaged(f"tensor {name!r} has a shape or a place that is not a whole number")
        tensor = StoredTensor(self, DTYPES[entry["dtype"]], tuple(entry["shape"]), len(self.header) + begin)
        if end - begin != tensor.elements * tensor.dtype.itemsize:
            raise self._damaged(f"tensor {name!r} claims {end - begin:,} bytes for shape {tensor.shape}")
        if len(self.header) + end > self._size:
            raise self._damaged(f"tensor {name!r} ends after the file, which has {self._size:,} bytes")
        return tensor

    def _damaged(self, reason: str) -> WeightsError:
        return WeightsError(f"{self.path} is damaged: {reason}. Was its writing or copying cut off?")


def layout(
    tensors: Mapping[str, tuple[torch.dtype, tuple[int, ...]]], metadata: Mapping[str, str]
) -> tuple[bytes, dict[str, int]]:
    """The header of a safetensors file that holds ``tensors``, one after the other, and where each of them starts.

    Args:
        tensors: dtype and shape by name.
        metadata: texts by name, for readers; transformers asks for ``{"format": "pt"}``.
    """
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, (dtype, shape) in tensors.items():
        begin, end = end, end + math.prod(shape) * dtype.itemsize
        entries[name] = {"dtype": NAMES[dtype], "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # so that tensors are aligned
    header = len(text).to_bytes(8, "little") + text
    return header, {name: len(header) + entries[name]["data_offsets"][0] for name in tensors}


def metadata(header: bytes) -> dict[str, str]:
    """What a header says beside its tensors."""
    return dict(json.loads(header[8:]).get("__metadata__", {}))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, each name in it once."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it has a name twice")
    return found
