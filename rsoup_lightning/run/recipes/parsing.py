"""Recipes and command lines, parsed with errors of one line that name the key."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace, get_loader, set_parsing_settings

from rsoup_lightning.errors import ConfigError, RSoupError, UnknownNameError, absent, no_module
from rsoup_lightning.run.recipes.hinting import actions, options

NO_NAME, NO_MODULE = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'"), re.compile(r"No module named '(\w+)'")
NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$", re.IGNORECASE)
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SECTIONS = ("model", "trainer", "soup")
LARGEST_SEED = 2**32 - 1  # numpy's
IN_OTHER_WORDS = re.compile(
    r"(- )?(Does not validate against any of the Union subtypes|Subtypes: .*|Errors:|Expected a <class 'NoneType'>"
    r"|Expected a path but .*|Given value type: .*|Given value: (Namespace|NestedArg|\{).*"
    r"|Subclass types expect one of:|a class path .*|a dict with.*|False|)"
)
"""Lines of jsonargparse that repeat what others say."""
A_CLASS = re.compile(r"( *)- Problem with given class_path")
NO_CLASS = re.compile(r"( *)- (Expected a <class|Not a valid subclass)")
"""Lines of jsonargparse on a class that was named, and on other kinds of values that might have been."""
PLAIN = (
    (r"Parser key \"([^\"]*)\":", r"\1:"),
    (r"Parser key \"([^\"]*)\" element (\d+):", r"\1, value \2:"),
    (r"Problem with given class_path '([^']*)':", r"\1:"),
    (r"Type typing\..* expects a function or a callable class: ", ""),
    (r"[.;] (Got|Given) value: \[?Namespace\(.*\)\]?", ""),
    (r"Expected a dot import path string: (\S+)", r"there is no class \1"),
    (r"<class '([^']*)'>", r"\1"),
    (r"typing\.Literal\[(.*?)\]", r"one of \1"),
    (r"(Got|Given) value: None", "It is empty: give it a value, or leave it out"),
    (r"(expected|Expected) an? ", "expected "),
    (r"expected dict\b", "expected a mapping"),
    (r"[.;] (Got|Given) value:$", ", got nothing"),
    (r"[.;] (Got|Given) value: ", ", got "),
    (r"(expected a mapping, got (\w+)=(\S+))$", r"\1: write '{\2: \3}'"),
    (r"(expected a mapping, got [\d.,]+)$", r"\1: say what each number is of, as in '{a: 0.3, b: 0.7}'"),
    (r"(expected float, got ([\d.]+),([\d.]+))$", r"\1: put spaces between numbers, \2 \3"),
    (r"^No supported gpu backend found!$", "trainer.accelerator: there is no GPU here: give cpu, or auto"),
    (
        r"^([\w.]+): ([\w.]+): the following arguments are required: ([\w, ]+)$",
        r"\1: \2 needs \3: give it under its init_args, or as --\1.\3",
    ),
)
"""Words of jsonargparse, and ours."""


def read_recipe(path: Path, kind: str = "recipe") -> dict[str, Any]:
    """A recipe as plain values, or another ``kind`` of file in YAML.

    Raises:
        ConfigError: it cannot be read, is not a mapping, or gives a key twice.
    """
    return recipe_content(recipe_text(path, kind), path, kind)


def recipe_text(path: Path, kind: str = "recipe") -> str:
    """What is written in a recipe.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"cannot read the {kind} {path}: {reason}") from None


def recipe_content(text: str, path: Path, kind: str = "recipe") -> dict[str, Any]:
    """What a recipe says, its numbers as the parser of command lines reads them.

    Raises:
        ConfigError: it is not a mapping, or gives a key twice; names ``path``, where it was read.
    """
    try:
        check_mappings(text, f"the {kind} {path}")
        recipe = get_loader("yaml")(text)
        if recipe is text:  # its reader takes a mapping whose values are all empty for a text
            recipe = yaml.load(text, Loader=LOADER)
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the {kind} {path}: {_said(error)}") from None
    if not isinstance(recipe, dict):
        raise ConfigError(f"the {kind} {path} is not a YAML mapping")
    for key in SECTIONS:
        if key in recipe and not isinstance(recipe[key], dict | str):
            found = "empty" if recipe[key] is None else f"{recipe[key]!r:.60}, not a mapping"
            raise ConfigError(f"{key} of the {kind} {path} is {found}: fill or remove it")
    return recipe


def check_mappings(text: str, where: str) -> None:
    """Require that mappings of a YAML text are what they look like.

    Of a key that is given twice YAML's readers take the last value without a word, and of ``{a:1}`` the key ``a:1``.

    Raises:
        ConfigError: names the key and its line.
        yaml.YAMLError: it is no YAML.
    """
    nodes, seen = [yaml.compose(text, Loader=LOADER)], set[int]()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            keys = set()
            for key, value in node.value:
                if key.value in keys and isinstance(key, yaml.ScalarNode):
                    raise ConfigError(f"{where} gives {key.value!r} twice, again in line {key.start_mark.line + 1}")
                if isinstance(key, yaml.ScalarNode):
                    keys.add(key.value)
                    name, colon, rest = key.value.partition(":")
                    if rest and colon and not key.style and value.value == "" and not value.style:
                        raise ConfigError(f"{where} has {key.value!r}: put a space after the colon, {name}: {rest}")
                nodes.append(value)


def parse(parser: ArgumentParser, arguments: list[str], *, defaults: bool = True) -> Namespace:
    """Parse a command line.

    Args:
        parser: knows the options.
        arguments: what was written.
        defaults: whether to give options that were not written, too.

    Raises:
        ConfigError: an unknown option, a value of the wrong type, or a key given twice.
    """
    for flag, argument in pairwise(["", *arguments]):
        name, equals, inline = argument.partition("=")
        name, value = (name, inline) if equals and name.startswith("-") else (flag, argument)
        if value.startswith(("{", "[")):
            try:
                check_mappings(value, name)
            except yaml.YAMLError as error:  # the parser tells
                if "unexpected ':'" in str(error):
                    raise ConfigError(f"{name} {value}: put a space after each colon, as in {{risky: 1}}") from None
    parser._negative_number_matcher = NEGATIVE  # argparse takes one with an exponent for an option
    with ours():
        try:
            return parser.parse_args(arguments, defaults=defaults)
        except ArgumentError as error:
            if unknown := re.match(r"unrecognized arguments: (-[^\s=]+)", str(error)):
                raise UnknownNameError("option", unknown[1], options(parser)) from None
            if loose := re.match(r"unrecognized arguments: (.+)", str(error)):
                needed = [each.option_strings[0] for each in actions(parser) if each.required and each.option_strings]
                hint = f", such as {' or '.join(needed)}" if needed else ""
                raise ConfigError(f"{loose[1]}: say which option that is for{hint}") from None
            raise


def check_values(parser: ArgumentParser, config: Namespace) -> None:
    """Require that nothing is empty that may not be: jsonargparse takes a null for a value that was not given.

    Raises:
        ConfigError: names the key.
    """
    set_parsing_settings(unset_sentinel=True)
    try:
        with ours(TypeError):
            parser.validate(config)
    finally:
        set_parsing_settings(unset_sentinel=False)


def check_seed(seed: Any) -> int:
    """A seed that torch, numpy and Python all take.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise ConfigError(f"the seed is {seed!r}: give a whole number from 0 to {LARGEST_SEED}")
    return seed


def check_seeds(seeds: Sequence[Any]) -> list[int]:
    """Several of them, each once.

    Raises:
        ConfigError: one is no seed, or there twice.
    """
    checked = [check_seed(seed) for seed in seeds]
    if len(set(checked)) != len(checked):
        raise ConfigError(f"seeds names a seed twice: {checked}")
    return checked


@contextmanager
def ours(*more: type[Exception]) -> Iterator[None]:
    """Errors of the parser, and of classes that are built of a recipe, as errors of ours.

    Args:
        more: kinds of errors beside the parser's, and ValueError, which those classes raise.

    Raises:
        RSoupError: the one of ours at the bottom of it, or else a ConfigError.
    """
    kinds: tuple[type[Exception], ...] = (ArgumentError, ValueError, *more)
    try:
        yield
    except kinds as error:
        if own := _own(error):
            raise own from own.__cause__
        # What a parser has raised is told in full; where a class has raised something, there may be more to see.
        raise ConfigError(_said(error)) from (error if isinstance(error, ValueError) else None)


def _said(error: Exception) -> str:
    """Its message in a line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        place = f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
        return f"{place}: {' '.join(filter(None, [error.context, error.problem]))}"
    raw = str(error).splitlines()
    named = {found[1] for line in raw if (found := A_CLASS.match(line))}
    lines = [line.strip() for line in raw if not ((other := NO_CLASS.match(line)) and other[1] in named)]
    said = dict.fromkeys(line.removeprefix("- ") for line in lines if not IN_OTHER_WORDS.fullmatch(line))
    message = "; ".join(said).replace(":; ", ": ")
    for words, plain in PLAIN:
        message = re.sub(words, plain, message)
    message = NO_NAME.sub(_absent, message)
    return NO_MODULE.sub(lambda found: no_module(found[0], found[1]), message)


def _absent(found: re.Match[str]) -> str:
    """That a module lacks a name, with what is near."""
    module = sys.modules.get(found[1])
    return str(absent(module, found[2])) if module else found[0]


def _own(error: BaseException) -> RSoupError | None:
    """The error of ours that lies at the bottom of ``error``, if there is one."""
    cause = error.__cause__ or error.__context__
    return cause if isinstance(cause, RSoupError) else _own(cause) if cause else None
