"""What other packages say to developers while a run goes on, and a user cannot act on."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero")
NOISE = (
    "many workers",
    "LeafSpec",
    "litlogger",
    "LightningCLI's args",
    "tensorboardX",
    "exists and is not empty",
)
"""Parts of their warnings."""


@contextmanager
def quiet() -> Iterator[None]:
    """Silence it inside the block, unless Python was told which warnings to show."""
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [found.level for found in loggers]
    for found in loggers:
        found.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in () if sys.warnoptions else NOISE:
                warnings.filterwarnings("ignore", message=f".*{message}")
            yield
    finally:
        for found, level in zip(loggers, levels, strict=True):
            found.setLevel(level)
