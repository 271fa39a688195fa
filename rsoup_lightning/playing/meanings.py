"""What the task and the rewards of a run mean, in the words of those who wrote them."""

from __future__ import annotations

import inspect
from pathlib import Path

from rsoup_lightning import registry
from rsoup_lightning.errors import RSoupError
from rsoup_lightning.playing.judging import reward_settings
from rsoup_lightning.run.recipes.parsing import read_recipe


def task_meaning(task: str) -> str:
    """One line about a registered task; nothing about others."""
    try:
        return registry.get(task).summary
    except RSoupError:
        return ""


def reward_meanings(recipe: Path) -> dict[str, str]:
    """The first line of what documents each reward of a resolved recipe, by name; without those that have none.

    Importing a reward may take a while, as it may bring in what models it needs.
    """
    try:
        content = read_recipe(recipe)
        name = content.get("task")
        known = registry.get(name).rewards if isinstance(name, str) and name in registry.names() else {}
    except RSoupError:
        return {}
    given = reward_settings(content)
    found = {reward: entry if isinstance(entry, str) else entry[0] for reward, entry in known.items()}
    found |= {reward: each["class_path"] for reward, each in given.items() if isinstance(each, dict)}
    lines = {reward: _first_line(path) for reward, path in found.items()}
    return {reward: line for reward, line in lines.items() if line}


def _first_line(path: str) -> str:
    try:
        documented = inspect.getdoc(registry.imported(path)) or ""
    except RSoupError:  # its package is not installed here
        return ""
    return " ".join(documented.partition("\n\n")[0].split())
