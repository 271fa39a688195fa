"""Help on keys that take classes: which there are, by the shortest names that recipes may write."""

from __future__ import annotations

import inspect
from argparse import OPTIONAL, Action
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from itertools import pairwise

from jsonargparse import ArgumentParser, DefaultHelpFormatter

from rsoup_lightning import registry
from rsoup_lightning.run.recipes.hinting import actions, written_names

KNOWN = ", known subclasses: "
"""Before what jsonargparse lists, by whole dotted paths."""


class ClassFormatter(DefaultHelpFormatter):
    """Names classes as recipes may, and shows line breaks in defaults as recipes write them."""

    def _get_help_string(self, action: Action) -> str:
        text, known, _ = super()._get_help_string(action).partition(KNOWN)
        text += f", known classes: {', '.join(sorted(written_names(action).values()))})" if known else ""
        if isinstance(action.default, str):
            text = text.replace("%(default)s", action.default.replace("\n", "\\n"))
        return text


def help_on_classes(parser: ArgumentParser, arguments: Sequence[str], task: str | None) -> str | None:
    """What may be written under the key whose ``.help`` is asked for, without naming a class; None: nothing is.

    Args:
        parser: of the arguments.
        arguments: of the command line.
        task: its package is looked through, too: its classes are known by dotted paths, until a recipe names them.
    """
    for flag, value in pairwise([*arguments, "--"]):
        key = flag.removeprefix("--").removesuffix(".help")
        if flag != f"--{key}.help" or not value.startswith("-"):
            continue
        known = {each.dest: each for each in actions(parser)}
        asking = known.get(f"{key}.help")
        if asking is None or asking.nargs != OPTIONAL:
            continue
        names = written_names(known[key])
        for module in registry.modules(task) if task else ():
            with suppress(Exception):  # of what is not installed
                import_module(module)
        names = {path: names.get(path, path) for path in written_names(known[key])}
        if [*names.values()] == [vars(asking)["_basename"]]:
            return None  # there is but the one that the key is declared with
        width = max(map(len, names.values()), default=0)
        listed = [f"  {name:<{width}}  {_summary(path)}" for path, name in sorted(names.items(), key=_by_length)]
        head = f"--{key} takes one of these classes, or another by its dotted path. {flag} NAME tells what it takes."
        return "\n".join([head, "", *listed])
    return None


def _by_length(entry: tuple[str, str]) -> tuple[bool, str]:
    return "." in entry[1], entry[1]


def _summary(path: str) -> str:
    return (inspect.getdoc(registry.imported(path)) or "").partition("\n")[0]
