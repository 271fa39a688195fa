"""What is near to keys and options that there are not."""

from __future__ import annotations

import re
from argparse import _SubParsersAction
from collections.abc import Collection, Iterator
from typing import Any

from jsonargparse import ArgumentParser

from rsoup_lightning.errors import UnknownNameError

NOT_ACCEPTED = re.compile(
    r"(?:(?:Group '(.+)'|Subcommand '.+') does not accept option|Option) '(.+?)'(?: is not accepted)?"
)
"""Words of jsonargparse on a key that there is not."""


class HintingParser(ArgumentParser):
    """Says of a key that there is not what is near to it; jsonargparse makes such a parser of each class, too."""

    def validate(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().validate(*args, **kwargs)
        except KeyError as error:
            found = NOT_ACCEPTED.fullmatch(str(error))
            if not found:
                raise
            key = ".".join(filter(None, found.groups()))
            parser = vars(error).get("subcommand_parser", self)
            known = [action.dest for action in parser._actions if action.dest != "help"]
            raise type(error)(str(unknown_key(key, known))) from error


def options(parser: ArgumentParser) -> Iterator[str]:
    """What begins with a dash, in the commands of a parser as well."""
    for action in parser._actions:
        yield from action.option_strings
        for command in action.choices.values() if isinstance(action, _SubParsersAction) else ():
            yield from options(command)


def unknown_key(key: str, known: Collection[str]) -> UnknownNameError:
    """That ``key`` is none of the dotted ones that are ``known``; names the first part of it that no other has."""
    place = ""
    for part in key.split("."):
        there = {name.removeprefix(place).partition(".")[0] for name in known if name.startswith(place)}
        if part not in there:
            break
        place += f"{part}."
    return UnknownNameError(f"key of {place[:-1]}" if place else "key", part, there)
