"""The manual's table of models: what it says of each is what the tests find."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rsoup_lightning.errors import RSoupError
from tests.conftest import ROOT

TABLE: dict[str, Any] = json.loads((ROOT / "docs" / "models.json").read_text(encoding="utf-8"))


def cells(section: str, column: str) -> pytest.MarkDecorator:
    """Parametrizes a test by ``name`` and ``said``: each model of a section, and what a column says of it."""
    models = TABLE[section]["models"]
    return pytest.mark.parametrize(("name", "said"), [(name, row[column]) for name, row in models.items()], ids=models)


@contextmanager
def as_said(said: bool | str) -> Iterator[None]:
    """What is tried inside the block works, where the table says so, or is refused in the table's words."""
    if said is True:
        yield
        return
    with pytest.raises(RSoupError, match=re.escape(str(said))):
        yield
