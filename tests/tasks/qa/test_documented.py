from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rsoup_lightning.errors import ConfigError
from tasks.qa.documented import Documented, documented

PACKAGE = {
    "__init__.py": "from . import _core\nfrom ._core import *\nif True:\n    from .deep.place import long as known\n",
    "_core.py": '__all__ = ["add"]\ndef add():\n    "Add."\ndef helper():\n    "Help."\n',
    "plain.py": 'class Thing:\n    "A thing."\ndef _private():\n    "No."\ndef bare(): ...\nraise SystemExit("ran")\n',
    "deep/__init__.py": "from kitchen_test_package import *\nfrom ..plain import Thing as Tool\n",
    "deep/place.py": 'def long():\n    """Long.\n\n    More.\n    """\n',
    "tests/test_it.py": 'def test_it():\n    "Tests."\n',
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = "kitchen_test_package"
    for file, source in PACKAGE.items():
        path = tmp_path / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    documented.cache_clear()
    return name


def test_names_are_the_shortest_public_ones(package: str) -> None:
    assert documented(package) == (
        Documented(f"{package}.add", False, "Add."),
        Documented(f"{package}.deep.Tool", True, "A thing."),
        Documented(f"{package}.known", False, "Long.\n\nMore."),
    )


def test_a_part_of_a_package(package: str) -> None:
    assert [item.name for item in documented(f"{package}.plain")] == [f"{package}.plain.Thing"]
    assert [item.name for item in documented(f"{package}.deep")] == [f"{package}.deep.place.long"]


def test_nothing_is_imported(package: str) -> None:
    documented(package)
    assert package not in sys.modules


def test_real_names() -> None:
    numpy, json = ({item.name: item for item in documented(name)} for name in ("numpy", "json"))
    assert numpy["numpy.sum"].docstring.startswith("Sum of array elements")
    assert "numpy.linalg.norm" in numpy
    assert json["json.JSONEncoder"].is_class


@pytest.mark.parametrize("name", ["no_such_package", "json.no_such_module", "sys"])
def test_what_has_no_source(name: str) -> None:
    with pytest.raises(ConfigError, match=f"package {name} is not installed, or has no Python source"):
        documented(name)
