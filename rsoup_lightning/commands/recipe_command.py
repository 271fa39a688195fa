"""What the commands that take a recipe share: the recipes on a command line, read once, and the task they name."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rsoup_lightning import registry
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.run.recipes.parsing import recipe_content, recipe_text

CONFIG_FLAGS = ("-c", "--config")
FLAGS = (*CONFIG_FLAGS, "--task")


@dataclass(frozen=True)
class RecipeLine:
    """A command line, and what its recipes say.

    Attributes:
        arguments: what was written, each recipe called by its file.
        recipes: the text of each of these files.
        task: the task that ``--task`` or else the last recipe names.
    """

    arguments: list[str]
    recipes: dict[str, str]
    task: str


def help_of_any_task(arguments: list[str]) -> str:
    """What to say after the help of a command that names no task; empty: it names one, or wants no help."""
    if not {"-h", "--help"} & {*arguments} or any(argument.partition("=")[0] in FLAGS for argument in arguments):
        return ""
    known = ", ".join(registry.names())
    return f"The options of a task's model: add --task NAME, or -c RECIPE. Known tasks: {known}"


def read_line(arguments: list[str]) -> RecipeLine:
    """Read the recipes of a command line, each of which is named after ``-c`` or ``--config``.

    Raises:
        UnknownNameError: neither a file nor a recipe of ours.
        ConfigError: no recipe or no task is named, or a recipe is missing or no YAML mapping.
    """
    parts: list[str] = []
    for argument in arguments:
        flag, equals, value = argument.partition("=")
        parts += [flag, value] if equals and flag in FLAGS else [argument]
    if parts[-1:] and parts[-1] in CONFIG_FLAGS:
        raise ConfigError(f"{parts[-1]} needs a recipe: a file, or the name of one of ours as rsoup tasks lists them")
    recipes: dict[str, str] = {}
    task = chosen = None
    for index, (flag, value) in enumerate(pairwise(parts), 1):
        if flag in CONFIG_FLAGS:
            file = registry.find_recipe(value)
            parts[index] = str(file)
            recipes[str(file)] = recipe_text(file)
            task = recipe_content(recipes[str(file)], file).get("task", task)
        elif flag == "--task":
            chosen = value
    return RecipeLine(parts, recipes, _checked(chosen or task))


def _checked(task: Any) -> str:
    if not task:
        known = ", ".join(registry.names())
        raise ConfigError(f"no task: give a recipe with -c NAME or -c FILE, or --task NAME. Known tasks: {known}")
    if not isinstance(task, str):
        raise ConfigError(f"task must be a name, not {task!r:.60}")
    return task
