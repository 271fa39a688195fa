"""Pickles of plain data, read without running anything."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from rsoup_lightning.errors import ConfigError


class _PlainUnpickler(pickle.Unpickler):
    """Refuses every name: lists, tuples, dictionaries, texts and numbers need none, and what does could run code."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}, and only plain data is read")


def read_plain_pickle(path: Path) -> Any:
    """What a pickle of containers, texts and numbers holds; also one of Python 2, with its texts as UTF-8.

    Raises:
        ConfigError: it is missing, damaged, or holds anything else.
    """
    try:
        with path.open("rb") as stream:
            return _PlainUnpickler(stream, encoding="utf-8", errors="replace").load()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged pickle can raise almost anything
        raise ConfigError(f"{path} is not a readable pickle of plain data: {error or type(error).__name__}") from error
