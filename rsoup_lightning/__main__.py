"""Entry point of ``rsoup`` and ``python -m rsoup_lightning``. Answers the light questions without the heavy imports."""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from rsoup_lightning import __version__
from rsoup_lightning.errors import ConfigError, RSoupError, RSoupWarning, UnknownNameError

COMMANDS = {
    "tasks": "list the registered tasks: rewards, environments, default recipe",
    "soup": "init, one expert per reward, λ sweep, report; run again to resume",
    "bench": "methods compared at equal cost: tasks × methods × seeds; run again to resume",
    "stage": "one stage of a run, from its folder alone, for clusters of your own",
    "merge": "merge experts you already have: checkpoints, model folders, adapters",
    "pick": "the best λ of a run for a preference or for choices people made; writes its weights",
    "push": "a run or a pick published on the hub, with a card that says what it is",
    "serve": "a soup over HTTP by OpenAI's interface, every request at its own λ",
    "explore": "a live page of runs in the browser: move λ, and the policy answers, draws or runs now",
    "fit": "one training on one preference (Lightning CLI)",
    "validate": "score one policy on the evaluation batches (Lightning CLI)",
    "test": "score one policy, and every soup of given experts with SoupCallback (Lightning CLI)",
}
LIGHTNING = ("fit", "validate", "test")
EXTRAS = {"serve": "serve,text"}
"""What commands need beside the core from their first import on."""
EXAMPLES = """examples:
  rsoup soup -c locomotion/quickstart
  rsoup soup -c locomotion/halfcheetah --seeds 0 1 2
  rsoup pick runs/locomotion-quickstart --preference '{risky: 0.7, cautious: 0.3}' --output picked
  rsoup explore runs/locomotion-quickstart
  rsoup merge --experts A B --coefficients .3 .7 --output AB
  rsoup serve --base MODEL --experts kind=LORA1 brief=LORA2
  rsoup soup -c my_recipe.yaml              a recipe of your own
  rsoup fit -c locomotion/quickstart --model.preference '{risky: 0.3, cautious: 0.7}'
  rsoup fit --task locomotion --help        every option of a task
"""
PIPE_CLOSED = 141
"""Exit status where a reader closed the pipe: 128 + SIGPIPE, as a shell reports it."""

_plainly = warnings.formatwarning


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Returns:
        The exit status: 0 well, 2 for an error the user can mend, 130 interrupted by Ctrl-C, 143 by SIGTERM.
    """
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
    except KeyboardInterrupt as stop:
        hint = "; the same command goes on from the last checkpoint" if arguments[:1] in (["soup"], ["bench"]) else ""
        print(f"rsoup: interrupted{hint}", file=sys.stderr)
        return 128 + (stop.args[0] if stop.args else signal.SIGINT)


def console() -> NoReturn:
    """The command ``rsoup``: :func:`main`, and the end of the process."""
    sys.path.append(os.getcwd())  # a user's own modules; last, so that they shadow nothing that is installed
    warnings.formatwarning = _in_a_line
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has read enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = PIPE_CLOSED
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever presses Ctrl-C again wants no tale of it
    gc.freeze()  # else the end of the process looks once more through all that torch has made: a third of a second
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
        print("`rsoup COMMAND --help` explains most of them, `rsoup COMMAND --task NAME --help` those of a recipe.\n")
        print(EXAMPLES, end="")
        return 0
    command, rest = arguments[0], arguments[1:]
    if command == "--version":
        print(__version__)
        return 0
    if command not in COMMANDS:
        raise UnknownNameError("command", command, COMMANDS)
    module = "fit" if command in LIGHTNING else command
    try:
        run = getattr(import_module(f"rsoup_lightning.commands.{module}"), f"{module}_command")  # some bring in torch
    except ModuleNotFoundError as error:
        if command not in EXTRAS:
            raise
        cure = f"pip install 'rsoup_lightning[{EXTRAS[command]}]'"
        raise ConfigError(f"rsoup {command} needs {error.name}, which is not installed: {cure}") from None
    return run(arguments if command in LIGHTNING else rest)


if __name__ == "__main__":
    if not sys.flags.safe_path:
        sys.path.pop(0)  # `python -m` puts the working folder first
    console()
