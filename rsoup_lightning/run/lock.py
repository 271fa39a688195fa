"""One process at a time in a folder, also where the last one died, and where the folder lies on a network."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from rsoup_lightning.errors import RunFolderError

LOCK = ".lock"
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}  # what file systems without locks answer

logger = logging.getLogger(__name__)
_held: dict[int, Path] = {}
"""The locks of this process: file descriptor to folder."""


@dataclass(frozen=True)
class Holder:
    """The process that is, or was, in a folder."""

    host: str
    process: int
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} (since {self.since})"


@contextmanager
def only_process(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """This process alone is in ``folder`` inside the block; its host and number stand in the file ``.lock``.

    The lock is the operating system's (``flock``): it ends with its process, however that ends, and holds between
    hosts where the file system shares locks, as NFS does. On one that knows no locks the file alone decides: a process
    of this host that is gone has lost the folder, one of another host has not.

    Args:
        folder: made where it is not there.
        patience: seconds to wait for another process to leave.

    Raises:
        RunFolderError: another process, or this one, is there already; or the folder cannot be written.
    """
    end = time.monotonic() + patience
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be written: {error.strerror}: choose another --run_dir") from error
    try:
        while not _taken(descriptor, folder, last_try=time.monotonic() >= end):
            time.sleep(0.1)
    except BaseException:
        os.close(descriptor)
        raise
    _held[descriptor] = folder.resolve()
    _write(descriptor, Holder(socket.gethostname(), os.getpid(), f"{datetime.now():%Y-%m-%d %H:%M:%S}"))
    try:
        yield
    finally:
        if _held.pop(descriptor, None):  # else this is a forked worker, and its parent is still there
            os.ftruncate(descriptor, 0)  # it left in good order
            os.close(descriptor)


def _taken(descriptor: int, folder: Path, *, last_try: bool) -> bool:
    try:
        _take(descriptor, folder)
    except RunFolderError:
        if last_try:
            raise
        return False
    return True


def _take(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        by = _read(descriptor) or "another process"
        raise RunFolderError(f"{folder} is in use by {by}: wait for its end, or choose another --run_dir") from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise RunFolderError(f"{folder} cannot be locked: {error.strerror}: choose another --run_dir") from error
        holder = _read(descriptor)
        if holder and _may_live(holder, folder):
            raise RunFolderError(
                f"{folder} is in use by {holder}: wait for its end, or choose another --run_dir. "
                f"If it has ended, delete {folder / LOCK}: this file system has no locks that would tell"
            ) from None
    else:
        last = _read(descriptor)
        if last and last.host != socket.gethostname():
            logger.warning(
                "%s was left by %s without a word: if that still runs, this file system does not share its locks "
                "between hosts: stop one of the two",
                folder,
                last,
            )


def _may_live(holder: Holder, folder: Path) -> bool:
    """Whether it may still be there, as far as can be told without locks."""
    if holder.host != socket.gethostname():
        return True
    if holder.process == os.getpid():  # in containers every first process has the same number
        return folder.resolve() in _held.values()
    try:
        os.kill(holder.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def _read(descriptor: int) -> Holder | None:
    """Who wrote last, unless it left in good order or is about to write."""
    text = os.pread(descriptor, 10_000, 0)
    try:
        return Holder(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _write(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)


def _leave_to_parent() -> None:
    """A forked worker would hold its parent's folder as long as it lives itself."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_leave_to_parent)
