"""Packages that only some users need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from rsoup_lightning.errors import ConfigError


def need(module: str, package: str, extra: str) -> ModuleType:
    """An optional module, imported.

    Args:
        module: its import name.
        package: what pip calls the package.
        extra: which extra of this library installs it.

    Raises:
        ConfigError: it is not installed; says how to.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(f"{package} is not installed ({error}): pip install 'rsoup_lightning[{extra}]'") from None
