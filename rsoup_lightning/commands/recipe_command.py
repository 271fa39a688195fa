"""What the commands that take a recipe share: its name, and the class of its task."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from rsoup_lightning import registry
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.run.parsing import read_recipe
from rsoup_lightning.run.recipe import fine_tuner_class

CONFIG_FLAGS = ("-c", "--config")


def with_recipe_files(arguments: list[str]) -> list[str]:
    """The arguments, each recipe that is named after ``-c`` or ``--config`` replaced by its file.

    Raises:
        UnknownNameError: neither a file nor a recipe of ours.
        ConfigError: nothing is named.
    """
    if arguments[-1:] and arguments[-1] in CONFIG_FLAGS:
        raise ConfigError(
            f"{arguments[-1]} needs a recipe: a file, or the name of one of ours as rsoup tasks lists them"
        )
    replaced, follows = [], False
    for argument in arguments:
        flag, equals, inline = argument.partition("=")
        if follows:
            argument = str(registry.find_recipe(argument))
        elif flag in CONFIG_FLAGS and equals:
            argument = f"{flag}={registry.find_recipe(inline)}"
        follows = argument in CONFIG_FLAGS
        replaced.append(argument)
    return replaced


def task_class(arguments: list[str]) -> tuple[str, type]:
    """The task that ``--task`` or else the last recipe names, and its fine-tuner class.

    Raises:
        ConfigError: neither names one, or a recipe is missing or no YAML mapping.
        UnknownNameError: no such task.
    """
    task = ""
    for name, value in _flags(arguments):
        if name in CONFIG_FLAGS:
            task = read_recipe(Path(value)).get("task", task)
    task = dict(_flags(arguments)).get("--task", task)
    if not task:
        known = ", ".join(registry.names())
        raise ConfigError(f"no task: give a recipe with -c NAME or -c FILE, or --task NAME. Known tasks: {known}")
    if not isinstance(task, str):
        raise ConfigError(f"task must be a name, not {task!r:.60}")
    return task, fine_tuner_class(task)


def _flags(arguments: list[str]) -> list[tuple[str, str]]:
    """Every ``--flag value`` and ``--flag=value``."""
    pairs = []
    for flag, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        name, equals, inline = flag.partition("=")
        pairs.append((name, inline if equals else following))
    return pairs
