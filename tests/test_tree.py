"""The source is where README says it is, each public name is there once, and tests mirror it."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatch
from pathlib import Path

from tests.conftest import ROOT

PACKAGES = ("rsoup_lightning", "tasks")
IGNORED = [pattern.strip("/") for pattern in (ROOT / ".gitignore").read_text().split()]


def _shown() -> list[str]:
    """The paths of README's tree, which is indented by two spaces a level; folders end in a slash."""
    (tree,) = re.findall(r"^## The source\n\n```text\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    paths: list[str] = []
    parents: list[str] = []
    for line in tree.splitlines():
        indent, name, _ = re.fullmatch(r"( *)(\S+) +(\S.*)", line).groups()  # type: ignore[union-attr]
        parents = [*parents[: len(indent) // 2], name]
        paths.append("".join(parents))
    return paths


def _source() -> set[str]:
    """Everything at the top, the rooms of the packages and the library's own files."""
    top = [path for path in ROOT.iterdir() if not any(fnmatch(path.name, pattern) for pattern in [".*", *IGNORED])]
    rooms = [init.parent for package in PACKAGES for init in (ROOT / package).glob("*/__init__.py")]
    rooms += (init.parent for init in (ROOT / "rsoup_lightning").glob("*/*/__init__.py"))
    found = [*top, *rooms, *(ROOT / "rsoup_lightning").glob("*.py")]
    return {path.relative_to(ROOT).as_posix() + "/" * path.is_dir() for path in found}


def test_readme_shows_every_room_and_file() -> None:
    shown = _shown()
    assert len(shown) == len(set(shown))
    assert set(shown) == _source()


def test_every_public_name_is_there_once() -> None:
    places: dict[str, list[str]] = {}
    for file in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(file.relative_to(ROOT).as_posix())
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def _does_something(file: Path) -> bool:
    """Whether a module has a function with more than a docstring in it; contracts and constants have none."""
    functions = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
    return any(not all(isinstance(line, ast.Expr) for line in function.body) for function in functions)


def test_every_module_that_does_something_has_its_test_file() -> None:
    """``rsoup_lightning/run/folders/folder.py`` has its tests in ``tests/run/folders/test_folder.py``."""
    missing = []
    for package, mirror in (("rsoup_lightning", "tests"), ("tasks", "tests/tasks")):
        for file in sorted((ROOT / package).rglob("*.py")):
            place = file.relative_to(ROOT / package)
            test = ROOT / mirror / place.with_name(f"test_{file.stem.strip('_')}.py")
            if file.name != "__init__.py" and _does_something(file) and not test.exists():
                missing.append(test.relative_to(ROOT).as_posix())
    assert missing == []
