"""Writes that happen whole or not at all: to a temporary file beside the target, then renamed over it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

from rsoup_lightning.errors import OutputError, RunFolderError

FULL = (errno.ENOSPC, errno.EDQUOT)  # the disk, or what a user may have of it


def user_path(name: str) -> Path:
    """The path that a user wrote; ``~`` at its start is their home folder, also where no shell has seen to it."""
    return Path(os.path.expanduser(name))


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path to write to; it becomes ``path`` if the block ends well, and vanishes if not.

    Raises:
        OutputError: the disk is full, or a folder is in the way.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path, "tmp")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno in FULL:
            raise OutputError(f"the disk is full: {path} was not written") from None
        if path.is_dir():
            raise OutputError(f"{path} is a folder, and a file is to be written there: move it away") from None
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _beside(path: Path, kind: str) -> Path:
    """A hidden name in the folder of ``path``, of this process alone, that fits where that of ``path`` does."""
    return path.with_name(f".{path.name[:40]}.{crc32(os.fsencode(path.name)):08x}.{os.getpid()}.{kind}")


def check_writable(path: Path) -> None:
    """Require that a file can be written to ``path``; its folder is made.

    Raises:
        OutputError: it cannot; says why.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder: choose another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(path, "tmp")
        temporary.touch()
        temporary.unlink()
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.filename}: {error.strerror}") from None


def write_text(path: Path, text: str) -> None:
    """Write ``text`` whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write ``value`` as indented JSON; NaN is refused, as readers of JSON do."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_value(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not whole.
    """
    text = path.read_text(encoding="utf-8")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if "\\ud" in text.lower():
        json.dumps(value, ensure_ascii=False).encode()  # half a character could not be written again
    return value


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``, such as :func:`write_json` can write again.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no whole object, or holds NaN or infinity.
    """
    value = read_value(path)
    if not isinstance(value, dict):
        raise ValueError(f"no JSON object but a {type(value).__name__}")
    json.dumps(value, allow_nan=False)
    return value


def read_json(path: Path, cure: str) -> Any:
    """As :func:`read_value`, of a run.

    Raises:
        RunFolderError: it is missing or damaged; says so, and the ``cure``.
    """
    try:
        return read_value(path)
    except (OSError, ValueError) as error:
        raise RunFolderError(f"cannot read {path} ({error}): {cure}") from None


def sha256(path: Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def atomic_output(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary path for a new file or folder; it becomes ``path`` if the block ends well, and vanishes if not.

    What was at ``path`` stays until the new one is whole.

    Raises:
        OutputError: ``path`` exists and is not to be overwritten, cannot be written, or the disk is full.
    """
    path = path.absolute()
    if os.path.lexists(path) and not overwrite and not _is_empty_folder(path):
        raise OutputError(f"{path} exists: choose another output, or --overwrite")
    temporary, old = _beside(path, "tmp"), _beside(path, "old")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(temporary)  # of a process that was killed and had the same number, as they have in containers
        yield temporary
        if os.path.lexists(path):
            _sync(temporary)  # the old one goes for good: the new one must be on the disk by then
            remove(old)
            path.rename(old)
        temporary.rename(path)
    except OSError as error:
        if error.errno in FULL:
            raise OutputError(f"the disk is full: {path} was not written") from None
        raise OutputError(f"{path} was not written: {error.strerror}: {error.filename}") from None
    finally:
        if os.path.lexists(old) and not os.path.lexists(path):
            old.rename(path)
        for leftover in (temporary, old):
            remove(leftover)


def _sync(path: Path) -> None:
    """Wait until ``path``, and all in it, is on the disk."""
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def remove(path: Path) -> None:
    """Whatever is at ``path``; a link goes, what it points to stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()
