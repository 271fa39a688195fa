"""The cells of a suite: every method on every task under every seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rsoup_lightning.comparing.cell import Cell
from rsoup_lightning.comparing.peer_cell import PeerCell
from rsoup_lightning.comparing.run_cell import RunCell, trainings
from rsoup_lightning.comparing.suite import Box, Suite, SuiteMethod, SuiteTask
from rsoup_lightning.errors import ConfigError, RSoupError
from rsoup_lightning.playing.train import resolve
from rsoup_lightning.run.recipe import Recipe

Maker = Callable[[int, Path], Cell]


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
        file = source / task.recipe
        written = str(file if file.is_file() else task.recipe)
        own = {"soup.experts": [*task.box], "soup.morl": [], "soup.reference_point": None}
        plain, _ = resolve(written, {**task.overrides, **own})
        makers = []
        for each, method in suite.methods.items():
            recipe, _ = resolve(written, {**task.overrides, **method.overrides, **own})
            makers.append((each, _maker(name, task, each, method, recipe, plain)))
        for seed in suite.seeds:
            found += [make(seed, output / name / each / f"seed-{seed}") for each, make in makers]
    return found


def _maker(name: str, task: SuiteTask, method_name: str, method: SuiteMethod, recipe: Recipe, plain: Recipe) -> Maker:
    """What makes the cells of a method on a task, whose recipe is ``plain`` as long as no method changes it."""
    where, boxes, allowed = (
        (name, method_name),
        task.boxes(name),
        int(method.cost * len(task.box) * plain.epochs + 1e-9),
    )
    if method.peer is None:
        recipe.config.trainer.max_epochs = _fitting(*where, recipe, task.box, allowed)
        return lambda seed, path: RunCell(*where, seed, recipe, boxes, path)
    epochs = None if method.seconds else plain.settings.init_epochs + allowed
    peer, seconds = method.peer, method.seconds
    return lambda seed, path: PeerCell(*where, seed, recipe, boxes, path, peer, epochs, seconds)


def _fitting(task: str, method: str, recipe: Recipe, box: Box, allowed: int) -> int:
    """The most epochs per expert that take no more than those ``allowed`` in all."""

    def needed(epochs: int) -> int:
        return sum(stage.epochs for stage in trainings(recipe, box, epochs) if stage.start)

    fitting, least = allowed, recipe.settings.method.least_epochs
    try:
        while fitting >= least and needed(fitting) > allowed:
            fitting -= 1
        if fitting < least:
            raise ConfigError(
                f"it needs {needed(least)} epochs at least, and may have {allowed}: raise methods.{method}.cost, "
                f"or trainer.max_epochs of tasks.{task}"
            )
    except RSoupError as error:
        raise ConfigError(f"methods.{method} cannot train on {task}: {error}") from error
    return fitting
