"""Damage to any file, to JSON, and to the headers of safetensors."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from random import Random
from typing import Any

import torch

from tests.outcomes import CODE_RAN

Kind = Callable[[bytes, Random], bytes]


class Hostile:
    """Code, for whoever unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"import os; os.environ[{CODE_RAN!r}] = '1'",)


def truncated(content: bytes, chance: Random) -> bytes:
    return content[: chance.randrange(len(content) or 1)]


def headless(content: bytes, chance: Random) -> bytes:
    return content[chance.randrange(len(content) or 1) :]


def emptied(content: bytes, chance: Random) -> bytes:
    return b""


def flipped(content: bytes, chance: Random) -> bytes:
    """Some bits are others: half of the time among the first ones, where formats have their headers."""
    changed = bytearray(content)
    reach = chance.choice([len(content), min(len(content), 600)])
    for _ in range(chance.choice([1, 1, 3, 30]) if content else 0):
        changed[chance.randrange(reach)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def zeroed(content: bytes, chance: Random) -> bytes:
    start = chance.choice([0, chance.randrange(len(content) or 1)])
    count = min(chance.choice([8, 512, len(content)]), len(content) - start)
    return content[:start] + bytes(count) + content[start + count :]


def random_bytes(content: bytes, chance: Random) -> bytes:
    return chance.randbytes(chance.choice([1, 9, 5000]))


def twice(content: bytes, chance: Random) -> bytes:
    return content + content


def longer(content: bytes, chance: Random) -> bytes:
    return content + chance.choice([b"\0", b"\n", chance.randbytes(64)])


def hostile_pickle(content: bytes, chance: Random) -> bytes:
    return pickle.dumps(Hostile(), protocol=chance.randrange(6))


def hostile_file_of_torch(content: bytes, chance: Random) -> bytes:
    """Tensors, and code beside them; in the present format or that of old."""
    buffer = io.BytesIO()
    held = chance.choice([Hostile(), {"w": torch.zeros(2), "code": Hostile()}, {"state_dict": {"w": Hostile()}}])
    torch.save(held, buffer, _use_new_zipfile_serialization=chance.random() < 0.5)
    return buffer.getvalue()


ANY: list[Kind] = [
    truncated, headless, emptied, flipped, flipped, zeroed, random_bytes, twice, longer, hostile_pickle,
    hostile_file_of_torch,
]  # fmt: skip


# JSON, and the indexes of shards.

STRANGE: list[Any] = [
    None, True, 0, -1, 7, 2**70, 1e400, float("nan"), "", "x", "../x", "\ud800", [], [1], ["x", 2], {}, {"x": 1}
]  # fmt: skip


def other_value(content: bytes, chance: Random) -> bytes:
    """A value somewhere in it is another one, of a type of its own."""
    value = json.loads(content)
    holder, key = chance.choice(list(_places(value)))
    holder[key] = chance.choice(STRANGE)
    return json.dumps(value).encode()


def lost_entry(content: bytes, chance: Random) -> bytes:
    value = json.loads(content)
    holder, key = chance.choice(list(_places(value)))
    del holder[key]
    return json.dumps(value).encode()


def exchanged_values(content: bytes, chance: Random) -> bytes:
    value = json.loads(content)
    (one, key), (two, other) = chance.choices(list(_places(value)), k=2)
    one[key], two[other] = two[other], one[key]
    return json.dumps(value).encode()


def other_json(content: bytes, chance: Random) -> bytes:
    """A whole file of JSON that is none of its kind."""
    return json.dumps(chance.choice(STRANGE)).encode()


def deep(content: bytes, chance: Random) -> bytes:
    return b"[" * 100_000 if chance.random() < 0.5 else b'{"a":' * 100_000


def reencoded(content: bytes, chance: Random) -> bytes:
    return content.decode().encode(chance.choice(["utf-16", "utf-32", "utf-8-sig"]))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in nested containers."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]


JSON: list[Kind] = [other_value, other_value, lost_entry, exchanged_values, other_json, deep, reencoded]


# Headers of safetensors.


def lying_length(content: bytes, chance: Random) -> bytes:
    """The size of the header is another one."""
    length = int.from_bytes(content[:8], "little")
    lie = chance.choice([0, 1, length - 1, length + 1, length + 8, 2**40, 2**63, 2**64 - 1, 100_000_000])
    return lie.to_bytes(8, "little") + content[8:]


def lying_header(content: bytes, chance: Random) -> bytes:
    """Some entry of the header is not what it was: a dtype, a shape, a place, a name, the metadata."""
    header, data = _header(content)
    name = chance.choice([name for name in header if name != "__metadata__"])
    other = chance.choice([name for name in header if name != "__metadata__"])
    entry, field = header[name], chance.choice(["dtype", "shape", "data_offsets", "name", "metadata", "extra"])
    if field == "dtype":
        entry["dtype"] = chance.choice(["F16", "BF16", "I32", "U32", "F64", "F8_E4M3", "f32", "", None, 32])
    elif field == "shape":
        shape = entry["shape"]
        lies = [shape[::-1], [*shape, 1], [*shape, 0], [2**62, 4], [2**31] * 3, [-side for side in shape], None, [1.0]]
        entry["shape"] = chance.choice(lies)
    elif field == "data_offsets":
        begin, end = entry["data_offsets"]
        lies = [header[other]["data_offsets"], [end, begin], [begin + 4, end + 4], [begin, 2**63], [0, 0], [begin], "x"]
        entry["data_offsets"] = chance.choice(lies)
    elif field == "name":
        strange = chance.choice([other, f"{name}2", "", "\ud800", "a\nb", "../x", "\x1b[2J", "__metadata__"])
        header = {(strange if key == name else key): value for key, value in header.items()}
    elif field == "metadata":
        header["__metadata__"] = chance.choice([None, {"format": 3}, {"format": None}, [], {"x": "\ud800"}, {"": "y"}])
    else:
        entry[chance.choice(["dtype2", "shape2"])] = chance.choice(STRANGE)
    return _with_header(header, data)


def exchanged_places(content: bytes, chance: Random) -> bytes:
    """Two tensors have each other's place: nothing can tell where their sizes are the same."""
    header, data = _header(content)
    one, two = chance.choices([name for name in header if name != "__metadata__"], k=2)
    header[one]["data_offsets"], header[two]["data_offsets"] = header[two]["data_offsets"], header[one]["data_offsets"]
    return _with_header(header, data)


def header_otherwise(content: bytes, chance: Random) -> bytes:
    """The header's JSON damaged as such files are, its size told rightly."""
    length = int.from_bytes(content[:8], "little")
    header = chance.choice([*JSON, flipped, truncated])(content[8 : 8 + length], chance)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def _header(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _with_header(header: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


SAFETENSORS: list[Kind] = [lying_length, lying_header, lying_header, exchanged_places, header_otherwise]
