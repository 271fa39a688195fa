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
from threading import Event, Thread

from rsoup_lightning.errors import RunFolderError

LOCK = ".lock"
BEAT = 10.0
"""Seconds after which a holder says again that it lives."""
LEASE = 60.0
"""Seconds after which one of another host that has not said so is taken for dead."""
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
    hosts where the file system shares locks, as NFS does. On one that knows no locks, or shares none, the file decides:
    a process of this host that is gone has lost the folder, one of another host when its file has not changed for
    :data:`LEASE` seconds.

    Args:
        folder: made where it is not there.
        patience: seconds to wait for another process to leave; if any, one of another host is waited for until it has
            to be taken for dead.

    Raises:
        RunFolderError: another process, or this one, is there already; or the folder cannot be written.
    """
    start = time.monotonic()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be written: {error.strerror}: choose another --run_dir") from None
    try:
        while not _taken(descriptor, folder, patience, start):
            time.sleep(0.1)
    except BaseException:
        os.close(descriptor)
        raise
    _held[descriptor] = folder.resolve()
    _write(descriptor, Holder(socket.gethostname(), os.getpid(), f"{datetime.now():%Y-%m-%d %H:%M:%S}"))
    over = Event()
    heart = Thread(target=_beat, args=(descriptor, over), daemon=True)
    heart.start()
    try:
        yield
    finally:
        if _held.pop(descriptor, None):  # else this is a forked worker, and its parent is still there
            over.set()
            heart.join()
            os.ftruncate(descriptor, 0)  # it left in good order
            os.close(descriptor)


class _Elsewhere(RunFolderError):
    """A process of another host is in a folder, or was until it died."""


def _taken(descriptor: int, folder: Path, patience: float, start: float) -> bool:
    try:
        _take(descriptor, folder)
    except RunFolderError as error:
        longest = LEASE + BEAT if patience and isinstance(error, _Elsewhere) else patience
        if time.monotonic() - start >= longest:
            raise
        return False
    return True


def _take(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked = True
    except BlockingIOError:
        by = _read(descriptor) or "another process"
        raise RunFolderError(f"{folder} is in use by {by}: wait for its end, or choose another --run_dir") from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise RunFolderError(f"{folder} cannot be locked: {error.strerror}: choose another --run_dir") from None
        locked = False
    holder = _read(descriptor)
    if holder and holder.host != socket.gethostname():
        silent = time.time() - os.fstat(descriptor).st_mtime
        if silent < LEASE:
            if locked:
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            raise _Elsewhere(
                f"{folder} is in use by {holder}: wait for its end, or, if it has died, for {LEASE:.0f} seconds; "
                "or choose another --run_dir"
            )
        logger.warning("%s was left by %s without a word", folder, holder)
    elif holder and not locked and _lives(holder, folder):
        raise RunFolderError(
            f"{folder} is in use by {holder}: wait for its end, or choose another --run_dir. "
            f"If it has ended, delete {folder / LOCK}: this file system has no locks that would tell"
        )


def _lives(holder: Holder, folder: Path) -> bool:
    """Whether a process of this host may still be there, as far as can be told without locks."""
    if holder.process == os.getpid():  # in containers every first process has the same number
        return folder.resolve() in _held.values()
    try:
        os.kill(holder.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def _beat(descriptor: int, over: Event) -> None:
    """Say again and again that this process lives, for hosts that do not see its lock."""
    while not over.wait(BEAT):
        os.utime(descriptor)


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
