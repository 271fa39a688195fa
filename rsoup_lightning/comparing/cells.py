"""The cells of a suite: every method on every task under every seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rsoup_lightning.comparing.cell import Cell
from rsoup_lightning.comparing.choosing_cell import ChoosingCell
from rsoup_lightning.comparing.peer_cell import PeerCell
from rsoup_lightning.comparing.run_cell import RunCell, trainings
from rsoup_lightning.comparing.suite import Box, Suite, SuiteMethod, SuiteTask
from rsoup_lightning.errors import ConfigError, RSoupError
from rsoup_lightning.playing.train import resolve
from rsoup_lightning.run.recipes.recipe import Recipe

Maker = Callable[[int, Path], Cell]
SHARE = 5  # a variant is tried for one of so many parts of its epochs, as in "Bone Soups" (Xie et al. 2025)


def cells_of(suite: Suite, source: Path, output: Path) -> list[Cell]:
    """The cells of a suite, one seed of a task after another.

    Args:
        suite: which.
        source: the folder it was read in.
        output: where the cells go.

    Raises:
        RSoupError: a recipe cannot be read, or asks for what cannot be, alone or for a method's cost.
    """
    found: list[Cell] = []
    for name, task in suite.tasks.items():
        resolved = partial(_resolved, task, source)
        plain = resolved()
        makers = {each: _maker(name, task, each, method, resolved, plain) for each, method in suite.methods.items()}
        for seed in suite.seeds:
            found += [make(seed, output / name / each / f"seed-{seed}") for each, make in makers.items()]
    return found


def _resolved(task: SuiteTask, source: Path, /, **overrides: Any) -> Recipe:
    file = source / task.recipe
    own = {"soup.experts": [*task.box], "soup.morl": [], "soup.reference_point": None}
    return resolve(str(file if file.is_file() else task.recipe), {**task.overrides, **overrides, **own})[0]


def _maker(
    name: str, task: SuiteTask, method_name: str, method: SuiteMethod, resolved: Callable[..., Recipe], plain: Recipe
) -> Maker:
    """What makes the cells of a method on a task.

    Args:
        name: of the task.
        task: on which.
        method_name: of the method.
        method: which.
        resolved: the task's recipe, with overrides.
        plain: without.
    """
    where, boxes = (name, method_name), task.boxes(name)
    allowed, recipe = int(method.cost * len(task.box) * plain.epochs + 1e-9), resolved(**method.overrides)
    if method.peer is not None:
        epochs = None if method.seconds else plain.settings.init_epochs + allowed
        peer, seconds = method.peer, method.seconds
        return lambda seed, path: PeerCell(*where, seed, recipe, boxes, path, peer, epochs, seconds)
    if not method.candidates:
        recipe.config.trainer.max_epochs = _fitting(*where, [recipe], [], task.box, allowed)
        return lambda seed, path: RunCell(*where, seed, recipe, boxes, path)
    variants = {each: {**method.overrides, **overrides} for each, overrides in method.candidates.items()}
    whole = {each: resolved(**overrides) for each, overrides in variants.items()}
    tried = {each: resolved(**overrides, **{"soup.split": "dev"}) for each, overrides in variants.items()}
    fitting = _fitting(*where, [*whole.values()], [*tried.values()], task.box, allowed)
    for each in variants:
        whole[each].config.trainer.max_epochs = fitting
        tried[each].config.trainer.max_epochs = _shortened(tried[each], fitting)

    def make(seed: int, path: Path) -> Cell:
        of_tried, of_whole = (
            {each: RunCell(*where, seed, recipe, boxes, path / kind / each) for each, recipe in recipes.items()}
            for kind, recipes in (("tried", tried), ("chosen", whole))
        )
        return ChoosingCell(*where, seed, recipe, boxes, path, of_tried, of_whole)

    return make


def _shortened(recipe: Recipe, epochs: int) -> int:
    """How many epochs a variant is tried for that would be trained for so many."""
    return max(recipe.settings.method.least_epochs, epochs // SHARE)


def _fitting(task: str, method: str, whole: Sequence[Recipe], tried: Sequence[Recipe], box: Box, allowed: int) -> int:
    """The most epochs per expert that take no more than those ``allowed`` in all.

    Args:
        task: for errors.
        method: likewise.
        whole: recipes of which one is run.
        tried: those that are run before, shortened.
        box: of the task.
        allowed: epochs.
    """

    def cost(recipe: Recipe, epochs: int) -> int:
        return sum(stage.epochs for stage in trainings(recipe, box, epochs) if stage.start)

    def needed(epochs: int) -> int:
        before = sum(cost(recipe, _shortened(recipe, epochs)) for recipe in tried)
        return before + max(cost(recipe, epochs) for recipe in whole)

    fitting, least = allowed, max(recipe.settings.method.least_epochs for recipe in whole)
    try:
        while fitting >= least and needed(fitting) > allowed:
            fitting -= 1
        if fitting < least:
            raise ConfigError(
                f"it needs {needed(least)} epochs at least, and may have {allowed}: raise methods.{method}.cost, "
                f"or trainer.max_epochs of tasks.{task}"
            )
        if any(_shortened(recipe, fitting) == fitting for recipe in tried):
            raise ConfigError(
                f"its candidates would be tried for as many epochs per expert as are left for the best, {fitting}: "
                f"raise methods.{method}.cost, or trainer.max_epochs of tasks.{task}, or choose without candidates"
            )
    except RSoupError as error:
        raise ConfigError(f"methods.{method} cannot train on {task}: {error}") from None
    return fitting
