"""Where files that can be made again are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder that the variable RSOUP_CACHE names, or else ``~/.cache/rsoup_lightning``; it may not exist yet."""
    return Path(os.environ.get("RSOUP_CACHE") or "~/.cache/rsoup_lightning").expanduser()
