"""An import points down: the floors of the library, and what may never be imported."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from tests.conftest import ROOT

FLOORS = [
    {"errors", "files", "optional", "processes", "threads"},
    {"simplex", "rollout", "registry", "captions", "hub"},
    {"losses", "policy", "rewards", "mixture", "environment"},
    {"algorithms", "front", "guards", "kl_penalty", "merging"},
    {"own_metrics", "environment_module", "conditioning"},
    {"evaluation"},
    {"module"},
    {"conditioned"},
    {"methods", "modalities", "report"},
    {"run"},
    {"playing"},
    {"serving", "comparing"},
    {"explorer"},
    {"commands"},
    {"__main__"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def _imports(file: Path, top: str) -> set[str]:
    """Dotted names under the package ``top`` that ``file`` imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix(f"{top}.") for name in names if name.startswith(f"{top}.")}


def _rooms() -> dict[str, set[str]]:
    """Each room of the library, and the rooms it imports."""
    package = ROOT / "rsoup_lightning"
    graph: dict[str, set[str]] = {}
    for file in package.rglob("*.py"):
        room = file.relative_to(package).parts[0].removesuffix(".py")
        if room != "__init__":
            used = {name.split(".")[0] for name in _imports(file, "rsoup_lightning")}
            graph.setdefault(room, set()).update(used & FLOOR.keys() - {room})
    return graph


def test_every_room_has_a_floor() -> None:
    assert _rooms().keys() == FLOOR.keys()


def test_no_import_points_up() -> None:
    upward = [(room, used) for room, rooms in _rooms().items() for used in rooms if FLOOR[used] > FLOOR[room]]
    assert upward == []


def _files(package: Path) -> dict[Path, set[Path]]:
    """Each file of a package, and the files that it imports; of a name that a package hands on, the package's face."""

    def found(name: str) -> Path:
        place = package.joinpath(*name.split("."))
        while not place.with_suffix(".py").is_file() and not (place / "__init__.py").is_file():
            place = place.parent
        return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")

    return {file: {found(name) for name in _imports(file, package.name)} - {file} for file in package.rglob("*.py")}


def test_no_file_imports_itself_by_others() -> None:
    for package in ("rsoup_lightning", "tasks"):
        TopologicalSorter(_files(ROOT / package)).prepare()  # its error names the circle


def test_the_library_knows_no_task() -> None:
    assert not [file for file in (ROOT / "rsoup_lightning").rglob("*.py") if _imports(file, "tasks")]


def test_modalities_know_nothing_of_each_other() -> None:
    package = ROOT / "rsoup_lightning"
    siblings = {folder.name for folder in (package / "modalities").iterdir() if (folder / "__init__.py").exists()}
    foreign = [
        (str(file.relative_to(package)), name)
        for own in siblings
        for file in (package / "modalities" / own).rglob("*.py")
        for name in _imports(file, "rsoup_lightning.modalities")
        if name.split(".")[0] in siblings - {own}
    ]
    assert len(siblings) == 4 and foreign == []
