"""Finds tasks by name through the entry-point group ``rsoup_lightning.tasks``, the same door for ours and yours.

A registration is strings only: listing tasks imports neither models nor simulators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from rsoup_lightning.errors import ConfigError, UnknownNameError

GROUP = "rsoup_lightning.tasks"


@dataclass(frozen=True)
class Task:
    """What a task package registers under its entry point.

    Args:
        name: what ``--task`` takes.
        summary: one line for ``rsoup tasks``.
        fine_tuner: ``module:Class`` of its :class:`RewardFineTuner` subclass.
        rewards: name of each reward to ``module:Class`` of a :class:`Reward` built without arguments.
        environments: name of each environment to one line about it.
        recipe: the recipe to start with.
    """

    name: str
    summary: str
    fine_tuner: str
    rewards: Mapping[str, str] = field(default_factory=dict)
    environments: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""

    def reward(self, name: str) -> Any:
        """Build the registered reward ``name``.

        Raises:
            UnknownNameError: no such reward in this task.
        """
        if name not in self.rewards:
            raise UnknownNameError(f"reward of task {self.name!r}", name, self.rewards)
        return load(self.rewards[name])()


def load(path: str) -> Any:
    """Import ``module:attribute`` (or ``module.attribute``).

    Raises:
        ConfigError: nothing of that name can be imported; the message names the module and the reason.
    """
    module, _, attribute = path.partition(":") if ":" in path else path.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"cannot import {path!r}: {error}") from error


@cache
def tasks() -> dict[str, Task]:
    """All registered tasks by name.

    Raises:
        ConfigError: an entry point that is no :class:`Task`.
    """
    found: dict[str, Task] = {}
    for entry in entry_points(group=GROUP):
        try:
            task = entry.load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"entry point {entry.name!r} of {GROUP} cannot be loaded ({error}): mend or uninstall it"
            ) from error
        if not isinstance(task, Task) or task.name != entry.name:
            raise ConfigError(f"entry point {entry.name!r} of {GROUP} is {task!r:.60}, not a Task of that name")
        found[entry.name] = task
    return dict(sorted(found.items()))


def get(name: str) -> Task:
    """The task called ``name``.

    Raises:
        UnknownNameError: no such task; suggests the nearest name.
    """
    if name not in tasks():
        raise UnknownNameError("task", name, tasks())
    return tasks()[name]


def fine_tuner(name: str) -> type:
    """The :class:`RewardFineTuner` subclass of a registered task, or of an import path ``module:Class``."""
    return load(get(name).fine_tuner) if name in tasks() or not set(name) & set(".:") else load(name)
