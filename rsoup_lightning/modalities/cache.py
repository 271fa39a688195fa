"""Where files that can be made again are kept between runs."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from rsoup_lightning.errors import OutputError
from rsoup_lightning.files import atomic_output, user_path

T = TypeVar("T")

logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """The folder that the variable RSOUP_CACHE names, or else ``~/.cache/rsoup_lightning``; it may not exist yet."""
    return user_path(os.environ.get("RSOUP_CACHE") or "~/.cache/rsoup_lightning")


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """``folder``, which ``make`` fills, whole or not at all, where it does not exist yet.

    Args:
        folder: in the cache.
        make: creates the folder it is given, with all that belongs in it.

    Raises:
        OutputError: the cache cannot be written.
    """
    if not folder.exists():
        try:
            with atomic_output(folder) as temporary:
                make(temporary)
        except OutputError:
            if not folder.exists():  # another process may have put it there meanwhile
                raise
    return folder


def cached_folder(kind: str, settings: Mapping[str, Any], make: Callable[[Path], None]) -> Path:
    """The folder in the cache that ``make`` filled for these settings; it does so once.

    Args:
        kind: what it holds, in a word.
        settings: all that it depends on, as plain values.
        make: writes into the folder it is given.

    Raises:
        OutputError: the cache cannot be written.
    """
    digest = sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()

    def fill(folder: Path) -> None:
        folder.mkdir()
        make(folder)
        (folder / "settings.json").write_text(json.dumps(settings, indent=1, default=str), encoding="utf-8")

    return made_once(cache_folder() / kind / digest[:16], fill)


def read_again(kind: str, settings: Mapping[str, Any], make: Callable[[Path], None], read: Callable[[Path], T]) -> T:
    """What ``read`` makes of the folder of :func:`cached_folder`. One that is damaged is made anew, as the log tells.

    For what takes seconds to make: whatever ``read`` raises counts as damage.

    Raises:
        OutputError: the cache cannot be written.
    """
    folder = cached_folder(kind, settings, make)
    try:
        return read(folder)
    except Exception as error:  # damaged files raise a dozen types, and the cure is the same
        logger.warning("%s is damaged (%s) and made anew", folder, error)
        shutil.rmtree(folder)
        return read(cached_folder(kind, settings, make))
