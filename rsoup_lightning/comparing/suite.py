"""A suite: which methods are compared, on which tasks, under which seeds, and at which cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from pathlib import Path
from typing import Any, cast

from rsoup_lightning.comparing.peer import Peer
from rsoup_lightning.comparing.published import Published
from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.files import user_path
from rsoup_lightning.run.recipes.hinting import HintingParser
from rsoup_lightning.run.recipes.parsing import SECTIONS, check_seeds, ours, read_recipe
from rsoup_lightning.run.recipes.recipe_parser import built

Box = dict[str, tuple[float, float]]
"""Of each reward, the score that counts as 0 and the one that counts as 1."""

CANDIDATES: dict[str, tuple[str, ...]] = {"tasks": (), "methods": ("candidates",)}

OF_THE_SUITE = {
    "task": "the recipe has it",
    "seed_everything": "the suite's seeds are used",
    "soup.morl": "make MORL a method of its own",
    "soup.experts": "the rewards of the box get an expert",
    "soup.reference_point": "the box has it",
}
"""Keys of recipes that a suite sets itself, and why."""


@dataclass(frozen=True)
class SuiteTask:
    """What methods are compared on.

    Args:
        recipe: a file, beside the suite or where one works, or the name of one of ours. Its trainer.max_epochs is what
            each expert of a soup trains for; all methods get as many epochs as those experts have together. Its seed,
            baselines (soup.morl) and reference point are not used.
        box: of the hypervolume, whose corner at 0 is the reference point: reward to its scores at 0 and at 1. These
            rewards span the fronts.
        beside: further boxes, by name, of rewards that the recipe measures beside those, such as discounted returns.
            Fronts are shown and scored in them, too, but not averaged over with the rest.
        overrides: keys of the recipe to values.
        published: what others have printed of this task.
    """

    recipe: str
    box: Box
    beside: dict[str, Box] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    published: list[Published] = field(default_factory=list)

    def boxes(self, name: str) -> dict[str, Box]:
        """Its own box by its ``name``, and those beside."""
        return {name: self.box, **{f"{name}_{each}": box for each, box in self.beside.items()}}


@dataclass(frozen=True)
class SuiteMethod:
    """What is compared.

    Args:
        overrides: keys of recipes to values: what makes a recipe use this method.
        candidates: variants, by name, each of further overrides. Each is tried for a fifth of the epochs, or one; that
            with the highest hypervolume on the development split is run. All of it together is what ``cost`` allows.
        cost: how many times the training of a soup's experts it is allowed.
        peer: of another library, by class_path and init_args. It has no init, but may take as many steps as that, too.
        seconds: the time that a peer may take instead of those steps.
    """

    overrides: dict[str, Any] = field(default_factory=dict)
    candidates: dict[str, dict[str, Any]] = field(default_factory=dict)
    cost: float = 1.0
    peer: Peer | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Suite:
    """Methods × tasks × seeds.

    Args:
        tasks: by name.
        methods: by name.
        seeds: of everything random; methods of ours begin at the same init of a task under the same seed, unless they
            override it.
        reference: the method that others are compared with; null takes the first.
    """

    tasks: dict[str, SuiteTask]
    methods: dict[str, SuiteMethod]
    seeds: list[int]
    reference: str | None = None

    @property
    def boxes(self) -> dict[str, Box]:
        """The boxes of all tasks; those beside a task's own have its name and theirs."""
        return {key: box for name, task in self.tasks.items() for key, box in task.boxes(name).items()}

    @property
    def compared_with(self) -> str:
        """The method that others are compared with."""
        return self.reference or next(iter(self.methods))


def read_suite(file: str | Path) -> Suite:
    """The suite in a file.

    Raises:
        ConfigError: it cannot be read, or asks for what cannot be; names the key.
        UnknownNameError: the reference is no method.
    """
    path = user_path(str(file))
    content = read_recipe(path, "suite")
    tasks = _members(content.pop("tasks", None), "tasks", SuiteTask)
    methods = _members(content.pop("methods", None), "methods", SuiteMethod)
    parser = HintingParser(exit_on_error=False)
    parser.add_class_arguments(Suite, skip={"tasks", "methods"})
    with ours():
        suite = Suite(tasks, methods, **parser.parse_object(content).as_dict())
    _check(suite, path)
    return suite


def _members(members: Any, section: str, kind: type[Any]) -> dict[str, Any]:
    """The tasks or the methods of a suite; keys of recipes stay as they are written, for the parser of those."""
    if not isinstance(members, dict):
        raise ConfigError(f"{section} is {members!r:.60}: give a mapping, each one's name to what it is")
    found = {}
    for name, member in members.items():
        if not re.fullmatch(r"\w+", str(name)):
            raise ConfigError(f"{section}: {name!r} names folders: use letters, digits and _ alone")
        if not isinstance(member, dict):
            raise ConfigError(f"{section}.{name} is {member!r:.60}, not a mapping; {{}} changes nothing")
        member = dict(member)  # which another name may share, by an alias of YAML
        written = {key: member.pop(key) for key in ("overrides", *CANDIDATES[section]) if key in member}
        for key, value in written.items():
            if not isinstance(value, dict):
                raise ConfigError(f"{section}.{name}.{key} is {value!r:.60}, not a mapping")
        found[str(name)] = replace(built(kind, f"{section}.{name}", member), **written)
    return found


def _check(suite: Suite, path: Path) -> None:
    check_seeds(suite.seeds)
    for what, members in (("seeds", suite.seeds), ("tasks", suite.tasks), ("methods", suite.methods)):
        if not members:
            raise ConfigError(f"{what} of the suite {path} is empty: give at least one")
    if suite.compared_with not in suite.methods:
        raise UnknownNameError("method (reference)", suite.compared_with, suite.methods)
    for kind, named in (("tasks", suite.tasks), ("methods", suite.methods)):
        for name, each in named.items():
            _check_overrides(f"{kind}.{name}", each.overrides)
    if len(suite.boxes) < sum(1 + len(task.beside) for task in suite.tasks.values()):
        raise ConfigError("tasks: one has the name of a box beside another: rename it")
    for name, box in suite.boxes.items():
        if not box:
            raise ConfigError(f"the box of {name} is empty: give each reward its scores at 0 and at 1")
        for reward, (zero, one) in box.items():
            if not (isfinite(zero) and isfinite(one) and zero < one):
                where = f"{reward} in the box of {name}"
                raise ConfigError(f"{where} is [{zero}, {one}]: give numbers, the score at 0 below that at 1")
    for name, task in suite.tasks.items():
        for printed in task.published:
            printed.check(f"tasks.{name}.published", task.box)
    for name, method in suite.methods.items():
        if not 0 < method.cost < inf:
            raise ConfigError(f"methods.{name}.cost is {method.cost}: give a number above 0")
        if method.seconds is not None:
            _check_seconds(f"methods.{name}", method)
        if method.candidates:
            _check_candidates(f"methods.{name}", method)
        if any("trainer.max_epochs" in each for each in (method.overrides, *method.candidates.values())):
            raise ConfigError(f"methods.{name}: remove trainer.max_epochs: it follows from the task's, and from cost")
        if "soup.split" in method.overrides:
            raise ConfigError(f"methods.{name}: remove soup.split: all methods are scored on the task's")


def _check_seconds(name: str, method: SuiteMethod) -> None:
    if method.peer is None:
        raise ConfigError(f"{name}: remove seconds: only a peer stops at a time; what others may take is their cost")
    if method.cost != 1:
        raise ConfigError(f"{name} has both cost and seconds: give one of them")
    if not 0 < cast(float, method.seconds) < inf:
        raise ConfigError(f"{name}.seconds is {method.seconds}: give a number above 0")


def _check_candidates(name: str, method: SuiteMethod) -> None:
    if method.peer is not None or len(method.candidates) < 2:
        raise ConfigError(f"{name}.candidates: give two or more, of a method of ours")
    for candidate, overrides in method.candidates.items():
        if not re.fullmatch(r"\w+", str(candidate)):
            raise ConfigError(f"{name}.candidates: {candidate!r} names folders: use letters, digits and _ alone")
        if not isinstance(overrides, dict):
            raise ConfigError(f"{name}.candidates.{candidate} is {overrides!r:.60}, not a mapping")
        _check_overrides(f"{name}.candidates.{candidate}", overrides)
        if "soup.split" in overrides:
            raise ConfigError(f"{name}.candidates.{candidate}: remove soup.split: they are tried on dev")


def _check_overrides(name: str, overrides: Mapping[Any, Any]) -> None:
    for key in overrides:
        if not isinstance(key, str) or key in SECTIONS:
            raise ConfigError(f"{name}.overrides: {key} is no key of a recipe's section: write trainer.max_epochs")
        for own, why in OF_THE_SUITE.items():
            if f"{key}.".startswith(f"{own}."):
                raise ConfigError(f"{name}: remove {key}: {why}")
