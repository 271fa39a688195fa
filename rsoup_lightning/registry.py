"""Finds tasks by name through the entry-point group ``rsoup_lightning.tasks``, the same door for ours and yours.

A registration is strings only: listing tasks imports neither models nor simulators. Recipes that come with the library
are found by name, too.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

from rsoup_lightning.errors import ConfigError, RSoupWarning, UnknownNameError, absent, no_module
from rsoup_lightning.files import user_path

GROUP = "rsoup_lightning.tasks"
RECIPES = Path(__file__).parent / "conf"


@dataclass(frozen=True)
class Task:
    """What a task package registers under its entry point.

    Args:
        name: what ``--task`` takes.
        summary: one line for ``rsoup tasks``.
        fine_tuner: ``module:Class`` of its :class:`RewardFineTuner` subclass.
        rewards: name of each :class:`Reward` to its ``module:Class``, or to that and the arguments it is built with:
            ``("module:Class", {"order": 4})``.
        environments: name of each environment to one line about it.
        recipe: the recipe to start with: the name of one of ours, as ``locomotion/quickstart``, or a path.
        install: the command that installs what that recipe needs beside the core.
    """

    name: str
    summary: str
    fine_tuner: str
    rewards: Mapping[str, str | tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    environments: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""
    install: str = ""

    def reward(self, name: str) -> Any:
        """Build the registered reward ``name``.

        Raises:
            UnknownNameError: no such reward in this task.
        """
        if name not in self.rewards:
            raise UnknownNameError(f"reward of task {self.name!r}", name, self.rewards)
        entry = self.rewards[name]
        path, arguments = (entry, {}) if isinstance(entry, str) else entry
        return imported(path)(**arguments)


def imported(path: str) -> Any:
    """Import ``module:attribute`` (or ``module.attribute``).

    Raises:
        ConfigError: nothing of that name can be imported; the message names the module and the reason.
    """
    module, _, attribute = path.partition(":") if ":" in path else path.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:  # a module that is imported may raise anything
        raise ConfigError(f"cannot import {path!r}: {no_module(_said(error), module)}") from error


def names() -> list[str]:
    """The names of all registered tasks, none of them loaded."""
    return sorted(_entries())


def tasks() -> dict[str, Task]:
    """All registered tasks by name; warns of those that cannot be loaded, and leaves them out."""
    found = {}
    for name in names():
        try:
            found[name] = get(name)
        except ConfigError as error:
            warnings.warn(str(error), RSoupWarning, stacklevel=2)
    return found


def get(name: str) -> Task:
    """The task called ``name``; no other is loaded.

    Raises:
        UnknownNameError: no such task; suggests the nearest name.
        ConfigError: it cannot be loaded, is no :class:`Task`, or stands in two packages.
    """
    if name not in _entries():
        raise UnknownNameError("task", name, names())
    first, *others = _entries()[name]
    what = f"entry point {name!r} of {GROUP}"
    if others:
        listed = " and ".join(entry.value for entry in (first, *others))
        raise ConfigError(f"{what} is registered twice, as {listed}: uninstall one of the packages")
    try:
        task = first.load()
    except Exception as error:  # a plug-in may raise anything
        raise ConfigError(f"{what} cannot be loaded ({_said(error)}): mend or uninstall its package") from error
    if not isinstance(task, Task) or task.name != name:
        raise ConfigError(f"{what} is {task!r:.60}, not a Task of that name: mend or uninstall its package")
    return task


def fine_tuner(name: str) -> type:
    """The :class:`RewardFineTuner` subclass of a registered task, or of an import path ``module:Class``.

    That of a task is bound to it: its attribute ``task`` is where rewards given by name alone are looked up.
    """
    if name not in names() and set(name) & set(".:"):
        return imported(name)
    task = get(name)
    found = imported(task.fine_tuner)
    if not isinstance(found, type):  # the caller says so
        return found

    class Bound(found):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:  # else the parser follows that of the base class twice
            super().__init__(*args, **kwargs)

    Bound.__name__, Bound.__qualname__, Bound.__module__ = found.__name__, found.__qualname__, found.__module__
    Bound.__doc__, Bound.task = found.__doc__, task
    return Bound


def modules(name: str) -> Iterator[str]:
    """Modules in which classes of a registered task's recipes lie: of its top-level package and of its fine-tuner's.

    Those of other tasks are left out.
    """
    if name not in names():
        return
    own = _entries()[name][0].value.partition(".")[0]
    others = [entry.value.partition(":")[0] for other in names() if other != name for entry in _entries()[other]]
    for package in (own, get(name).fine_tuner.partition(":")[0]):
        places = getattr(import_module(package), "__path__", ())
        for module in walk_packages(places, f"{package}.", onerror=lambda failed: None):
            if not f"{module.name}.".startswith(tuple(f"{other}." for other in others)):
                yield module.name


def recipes() -> list[str]:
    """The names of the recipes that come with the library."""
    return sorted(path.relative_to(RECIPES).with_suffix("").as_posix() for path in RECIPES.glob("*/*.yaml"))


def find_recipe(name: str) -> Path:
    """A recipe's file: that of a path, or else that of the name of one of ours, as ``locomotion/quickstart``.

    Raises:
        UnknownNameError: neither; suggests the nearest name.
    """
    path = user_path(name)
    if path.exists() and not path.is_dir():
        return path
    if name not in recipes():
        raise UnknownNameError("recipe (neither a file nor one of ours)", name, recipes(), "rsoup tasks")
    return RECIPES / f"{name}.yaml"


@cache
def _entries() -> dict[str, list[EntryPoint]]:
    """Entry points by name; several of a name only where packages disagree."""
    found: dict[str, dict[str, EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, {})[entry.value] = entry
    return {name: list(entries.values()) for name, entries in found.items()}


def _said(error: Exception) -> str:
    """What an import ended with, and where its culprit is not plain, of which kind it was."""
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return str(absent(error.obj, str(error.name)))
    return str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
