from __future__ import annotations

import json

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.optional import need


def test_optional_modules() -> None:
    assert need("json", "json", "text") is json
    with pytest.raises(ConfigError, match=r"no-such is not installed .*pip install 'rsoup_lightning\[data\]'"):
        need("no_such_module", "no-such", "data")
