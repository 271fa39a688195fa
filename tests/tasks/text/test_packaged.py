from __future__ import annotations

import sys

import pytest

from rsoup_lightning.errors import ConfigError
from tasks.text.packaged import package_folder


def test_a_package_is_found_without_importing_it() -> None:
    before = set(sys.modules)
    assert (package_folder("wsgiref") / "simple_server.py").is_file()
    assert "wsgiref" in before or "wsgiref" not in sys.modules


@pytest.mark.parametrize("name", ["not_installed_at_all", "textwrap"])
def test_what_is_no_package_says_how_to_install_it(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} is not installed: pip install 'rsoup_lightning\[data\]'"):
        package_folder(name)
