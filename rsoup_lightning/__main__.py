"""Entry point of ``rsoup`` and ``python -m rsoup_lightning``. Answers the light questions without the heavy imports."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from rsoup_lightning import __version__, registry
from rsoup_lightning.errors import RSoupError, RSoupWarning, UnknownNameError

COMMANDS = {
    "tasks": "list the registered tasks: rewards, environments, default recipe",
    "soup": "init, one expert per reward, λ sweep, report; run again to resume",
    "merge": "merge experts you already have: checkpoints, model folders, adapters",
    "pick": "the best λ of a run for a preference or for choices people made; writes its weights",
    "fit": "one training on one preference (Lightning CLI)",
    "validate": "score one policy on the evaluation batches (Lightning CLI)",
    "test": "score one policy, and every soup of given experts with SoupCallback (Lightning CLI)",
}
EXAMPLES = """examples:
  rsoup soup -c locomotion/quickstart
  rsoup soup -c locomotion/halfcheetah --seeds 0 1 2
  rsoup pick runs/quickstart --preference '{risky: 0.7, cautious: 0.3}' --output picked
  rsoup merge --experts A B --coefficients .3 .7 --output AB
  rsoup soup -c my_recipe.yaml              a recipe of your own
  rsoup fit -c locomotion/quickstart --model.preference '{risky: 0.3, cautious: 0.7}'
  rsoup fit --task locomotion --help        every option of a task
"""
PIPE_CLOSED = 141
"""Exit status where a reader closed the pipe: 128 + SIGPIPE, as a shell reports it."""

_plainly = warnings.formatwarning


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status: 0 well, 2 for an error the user can mend, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(arguments)
    except RSoupError as error:
        print(f"rsoup: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"rsoup: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        hint = "; the same command goes on from the last checkpoint" if arguments[:1] == ["soup"] else ""
        print(f"rsoup: interrupted{hint}", file=sys.stderr)
        return 130


def console() -> NoReturn:
    """The command ``rsoup``: :func:`main`, and the end of the process.

    A merge takes no longer than torch takes to leave in good order, and has nothing left to put in order then.
    """
    sys.path.append(os.getcwd())  # a user's own modules; last, so that they shadow nothing that is installed
    warnings.formatwarning = _in_a_line
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has read enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = PIPE_CLOSED
    if sys.argv[1:2] == ["merge"]:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _in_a_line(message: Warning | str, category: type[Warning], *where: Any, **line: Any) -> str:
    """Our own warnings without the place in the code, all others as Python prints them."""
    ours = issubclass(category, RSoupWarning)
    return f"rsoup: warning: {message}\n" if ours else _plainly(message, category, *where, **line)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        listed = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
        print(f"usage: rsoup COMMAND ...\n\nRewarded soups in PyTorch Lightning {__version__}\n\ncommands:\n{listed}\n")
        print("`rsoup COMMAND --help` explains tasks, merge and pick, `rsoup COMMAND --task NAME --help` the others.\n")
        print(EXAMPLES, end="")
        return 0
    command, rest = arguments[0], arguments[1:]
    if command == "--version":
        print(__version__)
        return 0
    if command not in COMMANDS:
        raise UnknownNameError("command", command, COMMANDS)
    if command == "tasks":
        return _tasks(rest)
    if command == "pick":
        from rsoup_lightning.run.pick import pick

        return pick(rest)
    if command == "merge":
        from rsoup_lightning.commands.merge import merge_command  # brings in torch

        return merge_command(rest)
    from rsoup_lightning.commands.soup import lightning, soup  # brings in torch and lightning

    return soup(rest) if command == "soup" else lightning(command, rest)


def _tasks(arguments: list[str]) -> int:
    from jsonargparse import ArgumentParser

    from rsoup_lightning.run.parsing import parse

    parser = ArgumentParser(prog="rsoup tasks", description=COMMANDS["tasks"], exit_on_error=False)
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


if __name__ == "__main__":
    if not sys.flags.safe_path:
        sys.path.pop(0)  # `python -m` puts the working folder first
    console()
