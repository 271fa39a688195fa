"""What is near to keys, options and classes that there are not."""

from __future__ import annotations

import ast
import re
from argparse import Action, _SubParsersAction
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, NoReturn

from jsonargparse import ArgumentParser
from jsonargparse._typehints import ActionTypeHint, get_all_subclass_paths

from rsoup_lightning.errors import SHOWN, ConfigError, RSoupError, UnknownNameError

NOT_ACCEPTED = re.compile(
    r"(?:(?:Group '(.+)'|Subcommand '.+') does not accept option|Option) '(.+?)'(?: is not accepted)?"
)
"""Words of jsonargparse on a key that there is not."""
OWNER = re.compile(r"Parser key \"([^\"]+)\"|--([\w.]+)\.help")
"""Whose value it is that jsonargparse speaks of."""
NOT_TAKEN = re.compile(r"unrecognized arguments: --([^\s=]+)=.*")
NO_CLASS = re.compile(r"Expected a dot import path string: (\S+)")
NOT_FITTING = re.compile(r"Expected an instantiatable class, but.* is abstract|Import path.* does not correspond to .*")
UNDESCRIBED = re.compile(r"Not a valid subclass of \w+|Dict must include a class_path and optionally init_args")
BESIDE = "unknown key beside class_path and init_args: write what the class takes under init_args"
ABOUT_CLASSES = re.compile(f"{NOT_FITTING.pattern}|{UNDESCRIBED.pattern}|{BESIDE}")
NUMBER = re.compile(r"Expected a <class '(int|float)'>")
NAMED = re.compile(r"value: \{'class_path': '([^']+)'")
MAPPING = re.compile(r"(?:[Gg]ot|value:) ([\[{].*[\]}])")
OTHERWISE = re.compile(
    r"\n *Given value: .*|[.,] (?:[Gg]ot|but got)(?: value:)? [\[{N].*|\n *- Expected a <class '\w+'>"
)
"""Words of jsonargparse on classes that it does not know, that do not fit or that a mapping does not name; what it was
given; and what else might have stood there."""
OF_CLASSES = ("class_path", "init_args")
CLOSE = 0.8  # of 1: how much a key has in common with one of those that it was meant to be
NO_KEYS = ("help", "print_config", "print_shtab")
"""Options that recipes do not have."""


class HintingParser(ArgumentParser):
    """Says of a key or a class that there is not what is near to it; jsonargparse makes such a parser of each class."""

    def validate(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().validate(*args, **kwargs)
        except KeyError as error:
            found = NOT_ACCEPTED.fullmatch(str(error))
            if not found:
                raise
            key = ".".join(filter(None, found.groups()))
            parser = vars(error).get("subcommand_parser", self)
            raise type(error)(str(unknown_key(key, _keys(parser)))) from error

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        owner = OWNER.match(message)
        action = next((each for each in actions(self) if owner and each.dest == (owner[1] or owner[2])), None)
        names = [*written_names(action).values()] if action else []
        near = (found := NO_CLASS.search(message)) and get_close_matches(found[1], names, n=1, cutoff=0.5)
        said = message
        if near or not NUMBER.search(message):  # else it may as well have been meant as one
            said = NO_CLASS.sub(lambda found: str(UnknownNameError("class", found[1], names)), message)
        if wrong := MAPPING.search(said) and _wrong(MAPPING.findall(said)[-1]):
            said = ABOUT_CLASSES.sub(wrong, said)
        expected = f"expected one of {', '.join([*names[:SHOWN], *['...'][: len(names) - SHOWN]])}"
        expected += f", not {named[1]}" if (named := NAMED.search(message)) else ""
        said = NOT_FITTING.sub(expected, said)
        if MAPPING.search(said):
            said = UNDESCRIBED.sub("it names no class: give a class_path", said)
        if action:
            said = NOT_TAKEN.sub(lambda found: str(unknown_key(found[1], OF_CLASSES)), said)
        super().error(OTHERWISE.sub("", said) if "unknown " in said or "has no attribute" in said else said, ex)


def actions(parser: ArgumentParser) -> Iterator[Action]:
    """What a parser takes, and the parsers of its commands."""
    for action in parser._actions:
        yield action
        for command in action.choices.values() if isinstance(action, _SubParsersAction) else ():
            yield from actions(command)


def options(parser: ArgumentParser) -> Iterator[str]:
    """What begins with a dash, in the commands of a parser as well."""
    for action in actions(parser):
        yield from action.option_strings


def written_names(action: Action) -> dict[str, str]:
    """Classes that are known to fit a key, by dotted path, and the shortest name of each that a recipe may write."""
    paths = get_all_subclass_paths(action._typehint, closed_types=False) if isinstance(action, ActionTypeHint) else []
    of_name = Counter(path.rpartition(".")[2] for path in paths)
    return {path: name if of_name[name := path.rpartition(".")[2]] == 1 else path for path in paths}


def unknown_key(key: str, known: Collection[str]) -> RSoupError:
    """That ``key`` is none of the dotted ones that are ``known``; names the first part of it that no other has."""
    place = ""
    for part in key.split("."):
        there = {name.removeprefix(place).partition(".")[0] for name in known if name.startswith(place)}
        if part not in there:
            break
        place += f"{part}."
    if part in OF_CLASSES:
        return ConfigError(BESIDE)
    if get_close_matches(part, OF_CLASSES, cutoff=CLOSE):
        there = {*OF_CLASSES}
    return UnknownNameError(f"key of {place[:-1]}" if place else "key", part, there)


def _keys(parser: ArgumentParser) -> list[str]:
    return [action.dest for action in parser._actions if action.dest not in NO_KEYS]


def _wrong(written: str) -> str | None:
    """What is wrong with the keys of classes' descriptions among nested values, as Python writes these."""
    with suppress(ValueError, SyntaxError):
        values = [ast.literal_eval(written)]
        while values:
            match values.pop():
                case dict() as mapping:
                    others = [str(key) for key in mapping if key not in (*OF_CLASSES, "dict_kwargs")]
                    if near := [key for key in others if get_close_matches(key, OF_CLASSES, cutoff=CLOSE)]:
                        return str(unknown_key(near[0], OF_CLASSES))
                    if others and "class_path" in mapping:
                        return BESIDE
                    values += mapping.values()
                case list() as items:
                    values += items
    return None
