"""The files a run is made of, beside its configuration: models, adapters, data; and whether they have changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256 as sha256_of
from pathlib import Path
from typing import Any

from rsoup_lightning.files import sha256, user_path

Fingerprint = dict[str, list[Any]]
"""Of a file or folder: each file's name to its size in bytes, its time of change in nanoseconds and its SHA-256."""

MANY = 1000  # files; of a folder with more of them, as of pictures, only names and sizes are compared


def inputs(values: Any) -> Iterator[str]:
    """Every string among nested ``values`` that is an existing file or folder, but for folders that one works in."""
    if isinstance(values, str):
        path = values.removeprefix("local-dir:")  # which open_clip wants before a folder
        place = user_path(path)
        if os.path.exists(place) and not Path.cwd().is_relative_to(os.path.realpath(place)):
            yield path
    elif isinstance(values, Mapping):
        yield from inputs(list(values.values()))
    elif isinstance(values, list | tuple):
        for value in values:
            yield from inputs(value)


def fingerprint(path: str, known: Fingerprint) -> Fingerprint:
    """Of a file or folder; hidden files do not count.

    Args:
        path: what to read.
        known: an earlier fingerprint of it: a file of that size and time of change is not read again.
    """
    root = user_path(path)
    files = {root.name: root} if root.is_file() else _files(root)
    states = {name: file.stat() for name, file in files.items()}
    if len(files) > MANY:
        sizes = [f"{name} {state.st_size}" for name, state in states.items()]
        return {"names and sizes": [len(files), 0, sha256_of("\n".join(sizes).encode()).hexdigest()]}
    result: Fingerprint = {}
    for name, state in states.items():
        size, changed, digest = known.get(name, [None, None, None])
        if (size, changed) != (state.st_size, state.st_mtime_ns):
            digest = _sha256(files[name], state.st_size, state.st_mtime_ns)
        result[name] = [state.st_size, state.st_mtime_ns, digest]
    return result


def changes(before: Fingerprint, now: Fingerprint) -> list[str]:
    """Every file that is new, gone or of other content, with which of them it is.

    >>> changes({"a": [1, 5, "x"], "b": [2, 5, "y"]}, {"a": [1, 6, "z"], "c": [3, 5, "w"]})
    ['a (other content)', 'b (gone)', 'c (new)']
    """
    found = []
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            found.append(f"{name} (gone)")
        elif name not in before:
            found.append(f"{name} (new)")
        elif before[name][2] != now[name][2]:
            found.append(f"{name} (other content)")
    return found


def _files(folder: Path) -> dict[str, Path]:
    """All files in ``folder`` and below that are not hidden, by name, in order."""
    found = {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()}
    return {name: file for name, file in found.items() if not any(part.startswith(".") for part in Path(name).parts)}


@cache
def _sha256(file: Path, size: int, changed: int) -> str:
    """Once per process, however many seeds and stages ask."""
    return sha256(file)
