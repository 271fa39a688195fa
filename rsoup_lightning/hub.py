"""Folders by their names on the hub of Hugging Face."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.optional import need

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def local_folder(name: str | Path) -> Path:
    """The path of what a user names; what is not here and may be a name on the hub is downloaded from there.

    A copy that was downloaded before does without the hub.

    Args:
        name: a path, or ``org/name``.

    Raises:
        ConfigError: it is neither here nor on the hub, or the hub cannot be reached.
    """
    path = user_path(str(name))
    if path.exists() or not HUB_NAME.fullmatch(str(name)) or path.parent.is_dir():
        return path
    download = need("huggingface_hub", "huggingface_hub", "hub").snapshot_download
    offline = out_of_reach()
    try:
        return Path(download(str(name), local_files_only=offline))
    except Exception as error:  # of whichever package speaks to the hub
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if offline:
            reason = "the hub cannot be reached, and no copy was downloaded before"
        raise ConfigError(f"there is no folder {name}, and under this name on the hub: {reason}") from error


def out_of_reach() -> bool:
    """Whether the hub's name cannot be resolved: packages would retry most of a minute for each file."""
    if getproxies().keys() & {"https", "all"}:  # the proxy resolves it
        return False
    hub = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    try:
        socket.getaddrinfo(hub.hostname, hub.port or 443)
    except OSError:
        return True
    return False


@contextmanager
def staying_here() -> Iterator[None]:
    """Ask nothing of the hub: loaders of models ask whether a name is an adapter's even with ``local_files_only``."""
    constants: Any = need("huggingface_hub.constants", "huggingface_hub", "hub")
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
