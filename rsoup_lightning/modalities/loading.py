"""What a ``from_pretrained`` makes of a hub name or folder, with errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.hub import out_of_reach, staying_here
from rsoup_lightning.merging.disk.trainer_folder import check_trained

T = TypeVar("T")


def load_pretrained(loader: Callable[..., T], name: str, kind: str, **options: Any) -> T:
    """What ``loader`` makes of a hub name or folder.

    Args:
        loader: a ``from_pretrained`` of transformers.
        name: a hub name such as ``org/model``, or the path of a folder.
        kind: what it is, for the error: "tokenizer".
        options: keyword arguments of the loader.

    Raises:
        ConfigError: it cannot be loaded; says why, and what to give instead.
    """
    folder = user_path(name)
    if not folder.is_dir() and (name.startswith(("/", ".", "~")) or name.count("/") > 1):
        raise ConfigError(f"there is no folder {name} to load the {kind} from")
    check_trained(folder)
    offline = not folder.is_dir() and out_of_reach()
    if offline:
        options["local_files_only"] = True
    try:
        with staying_here() if offline else nullcontext():
            return loader(str(folder) if folder.is_dir() else name, **options)
    except Exception as error:  # of whichever package reads the files, or speaks to the hub
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if folder.is_dir():
            raise ConfigError(f"the folder {name} holds no {kind} that can be loaded: {reason}") from error
        if offline:
            there = f"there is no such folder in {Path.cwd()}"
            reason = f"{there}, the hub cannot be reached, and no whole copy was downloaded before"
        raise ConfigError(
            f"cannot load the {kind} {name!r}: {reason}. "
            "Without the hub, give the path of a folder with the model instead"
        ) from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No bars for loading what takes a second."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.enable_progress_bar()
