"""``rsoup tasks``: what is registered."""

from __future__ import annotations

import json

from jsonargparse import ArgumentParser

from rsoup_lightning import registry
from rsoup_lightning.run.recipes.parsing import parse


def tasks_command(arguments: list[str]) -> int:
    """``rsoup tasks``."""
    parser = ArgumentParser(prog="rsoup tasks", description="List the registered tasks.", exit_on_error=False)
    parser.add_argument("--json", action="store_true", help="print JSON")
    as_json = parse(parser, arguments).json
    tasks = registry.tasks()
    recipes = {name: [recipe for recipe in registry.recipes() if recipe.startswith(f"{name}/")] for name in tasks}
    if as_json:
        listed = {
            name: {
                "summary": task.summary,
                "rewards": list(task.rewards),
                "environments": dict(task.environments),
                "recipe": task.recipe,
                "recipes": recipes[name],
                "install": task.install,
            }
            for name, task in tasks.items()
        }
        print(json.dumps(listed, indent=1))
        return 0
    for name, task in tasks.items():
        print(f"{name}\n  {task.summary}\n  rewards: {', '.join(task.rewards)}")
        for environment, summary in task.environments.items():
            print(f"  environment {environment}: {summary}")
        if recipes[name]:
            print(f"  recipes: {', '.join(recipes[name])}")
        if task.install:
            print(f"  install: {task.install}")
        print(f"  start with: rsoup soup -c {task.recipe}\n")
    return 0
