"""Adapters in either form: a folder of PEFT, or a file as diffusers and Kohya's scripts write it."""

from __future__ import annotations

from pathlib import Path

from rsoup_lightning.merging.adapters.adapter import Adapter, read_adapter, write_adapter
from rsoup_lightning.merging.adapters.lora_file import IN_FOLDER, lora_file, read_lora_file, write_lora_file
from rsoup_lightning.merging.adapters.peft_config import CONFIG_NAME


def is_adapter(path: Path) -> bool:
    """Whether ``path`` is an adapter's folder or file."""
    return (path / CONFIG_NAME).is_file() or lora_file(path) is not None


def adapter_at(path: Path) -> Adapter:
    """The adapter at ``path``.

    Raises:
        WeightsError, MergeError: as of :func:`read_adapter` and :func:`read_lora_file`.
    """
    file = lora_file(path)
    return read_adapter(path) if file is None else read_lora_file(file)


def write_in_form(folder: Path, adapter: Adapter) -> None:
    """Write an adapter into a folder, in the form of those it is made of."""
    if adapter.style == "PEFT":
        write_adapter(folder, adapter)
    else:
        write_lora_file(folder / IN_FOLDER, adapter)
