"""Folders that are made once and kept: nobody removes those that somebody holds, and of others the oldest go first."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary, finalize

from rsoup_lightning.errors import ConfigError, OutputError
from rsoup_lightning.run.folders.lock import NO_LOCKS

logger = logging.getLogger(__name__)

REMOVED = ".removed"
"""Where a folder goes before its files do, so that none is seen half empty."""


class Held:
    """A folder that nobody removes as long as this object lives.

    It is a shared lock of the operating system (``flock``) on the folder itself, so that servers with one cache in
    common respect each other; it ends with its process, too.

    Args:
        path: the folder.

    Raises:
        FileNotFoundError: it was removed meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        descriptor = os.open(path, os.O_RDONLY)
        finalize(self, os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits for one who is removing it
        except OSError as error:
            if error.errno not in NO_LOCKS:  # on a file system without locks nothing is removed
                raise
        if not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise FileNotFoundError(path)


class AdapterCache:
    """At most ``keep`` folders and those that are held.

    Args:
        folder: where they lie; made if absent.
        keep: how many, at least one.

    Raises:
        ConfigError: none is to be kept.
        OutputError: the folder cannot be written.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        if keep < 1:
            raise ConfigError(f"{keep} adapters to keep: at least one is needed")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder} cannot be written: {error.strerror}") from None
        for leftover in folder.glob(f"{REMOVED}.*"):  # of a process that was killed meanwhile
            shutil.rmtree(leftover, ignore_errors=True)
        self.folder, self.keep = folder, keep
        self._lock = Lock()
        self._held = WeakValueDictionary[Path, Held]()  # many may hold one folder, with one open file

    def held(self, name: str, make: Callable[[Path], object]) -> Held:
        """The folder ``name``, which is now the newest.

        Args:
            name: of the folder.
            make: writes it, whole or not at all, where it does not exist.
        """
        path = self.folder / name
        with self._lock:
            held = self._held.get(path)
            while held is None:
                if not path.exists():
                    make(path)
                with suppress(FileNotFoundError):  # another process has removed it since
                    held = self._held[path] = Held(path)
            os.utime(path)
            self._make_room()
        return held

    def _make_room(self) -> None:
        kept = sorted((place for place in self.folder.iterdir() if place.name[0] != "."), key=_age)
        surplus = len(kept) - self.keep
        for place in kept:
            if surplus <= 0:
                return
            with _alone(place) as alone:
                if alone:
                    gone = place.with_name(f"{REMOVED}.{place.name}.{os.getpid()}")
                    place.rename(gone)
                    shutil.rmtree(gone)
                    surplus -= 1
        logger.warning(
            "%d adapters are in use, %d more than %s is to keep: unload some, or allow for more",
            self.keep + surplus,
            surplus,
            self.folder,
        )


def _age(path: Path) -> float:
    """When it was last asked for; those that another process has just removed come first."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether nobody holds the folder; if so, nobody else does within the block."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody holds it, or this file system cannot tell
            yield False
        else:
            yield path.exists()
    finally:
        os.close(descriptor)
