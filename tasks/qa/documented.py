"""Documented functions and classes of installed packages, found in their source without importing them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from rsoup_lightning.errors import ConfigError

_NOT_FOR_USERS = {"tests", "test", "testing", "conftest", "setup", "distutils", "f2py"}


@dataclass(frozen=True)
class Documented:
    """Something with a docstring.

    Attributes:
        name: the shortest dotted name to import it by.
        is_class: a class, not a function.
        docstring: as written, without its indentation.
    """

    name: str
    is_class: bool
    docstring: str


@dataclass
class _Module:
    """What one file says: definitions by name, names imported as (module, name), modules imported whole by ``*``."""

    name: str
    is_package: bool
    definitions: dict[str, Documented] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    listed: set[str] | None = None

    def offers(self, name: str) -> bool:
        """Whether ``name`` is for users: without underscore, and in the literal ``__all__`` if there is one."""
        return not name.startswith("_") and (self.listed is None or name in self.listed)


@cache
def documented(package: str) -> tuple[Documented, ...]:
    """What ``package`` (dotted, such as json or torch.nn) defines for its users, by name.

    Names are followed through the imports in ``__init__`` files: numpy.sum, not numpy._core.fromnumeric.sum.

    Raises:
        ConfigError: no such package is installed, or it has no Python source.
    """
    modules = {module.name: module for module in _modules(package)}
    known: dict[str, dict[str, Documented]] = {}

    def exports(name: str) -> dict[str, Documented]:
        if name not in modules:
            return {}
        if name not in known:
            module, known[name] = modules[name], {}  # empty while it is being filled: circles of imports end here
            for star in module.stars:
                known[name] |= {key: item for key, item in exports(star).items() if modules[star].offers(key)}
            for key, (source, original) in module.imported.items():
                if original in exports(source):
                    known[name][key] = known[source][original]
            known[name] |= module.definitions
        return known[name]

    best: dict[Documented, str] = {}
    for module in modules.values():
        if any(part.startswith("_") for part in module.name.split(".")):
            continue
        for key, item in (exports(module.name) if module.is_package else module.definitions).items():
            if module.offers(key):
                name = f"{module.name}.{key}"
                best[item] = min(best.get(item, name), name, key=lambda name: (name.count("."), len(name), name))
    return tuple(replace(item, name=name) for item, name in sorted(best.items(), key=lambda pair: pair[1]))


def _modules(package: str) -> Iterator[_Module]:
    """The modules of a package, or the one module of that name, for users and not."""
    top, *parts = package.split(".")
    spec = find_spec(top)
    files: dict[Path, tuple[str, ...]] = {}
    if spec and spec.origin and spec.origin.endswith(".py"):
        home = Path(spec.origin)
        root = home.parent.joinpath(*parts) if home.name == "__init__.py" else home
        if root.is_dir():
            files = {file: file.relative_to(root).with_suffix("").parts for file in sorted(root.rglob("*.py"))}
        elif root.with_suffix(".py").is_file():
            files = {root.with_suffix(".py"): ()}
    if not files:
        raise ConfigError(f"package {package} is not installed, or has no Python source: take it out of packages")
    for file, inside in files.items():
        if not _NOT_FOR_USERS & set(inside):
            yield _read(file, ".".join([package, *(part for part in inside if part != "__init__")]))


def _read(file: Path, name: str) -> _Module:
    module = _Module(name, file.name == "__init__.py")
    for node in _statements(ast.parse(file.read_bytes()).body):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if docstring := ast.get_docstring(node):
                item = Documented(f"{name}.{node.name}", isinstance(node, ast.ClassDef), docstring)
                module.definitions[node.name] = item
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(module, node)
            for alias in node.names:
                if alias.name == "*":
                    module.stars.append(source)
                else:
                    module.imported[alias.asname or alias.name] = (source, alias.name)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            module.listed = _literal(node.value)
        elif isinstance(node, ast.AugAssign) and ast.unparse(node.target) == "__all__":
            module.listed = None
    return module


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those under its if and try too."""
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            yield from _statements([*node.body, *node.orelse])
        else:
            yield node


def _absolute(module: _Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    here = module.name.split(".")
    base = here[: len(here) - node.level + module.is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def _literal(value: ast.expr) -> set[str] | None:
    """The names of a literal list; None where it is computed."""
    try:
        return {str(name) for name in ast.literal_eval(value)}
    except ValueError:
        return None
