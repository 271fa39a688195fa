"""Where files that can be made again are kept between runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from rsoup_lightning.errors import OutputError
from rsoup_lightning.files import atomic_output, user_path


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
