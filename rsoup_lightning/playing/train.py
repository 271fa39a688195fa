"""``rsoup_lightning.soup``: a whole run from Python, of a recipe or of one's own objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from copy import deepcopy
from pathlib import Path
from typing import Any

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.own_metrics import OwnMetric
from rsoup_lightning.playing.front import Front
from rsoup_lightning.registry import find_recipe
from rsoup_lightning.run.console.progress import listening, on_stderr
from rsoup_lightning.run.console.quiet import quiet
from rsoup_lightning.run.launchers.launch import launch_of
from rsoup_lightning.run.launchers.launcher import LauncherName
from rsoup_lightning.run.recipes.parsing import check_seeds, ours, read_recipe
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.recipes.recipe_parser import NOT_OF_RECIPES, fine_tuner_class, recipe_parser, run_name
from rsoup_lightning.run.soup import run_soup


def soup(
    recipe: str | Path | Mapping[str, Any] | Callable[[], RewardFineTuner],
    run_dir: str | Path | None = None,
    *,
    seeds: Sequence[int] | None = None,
    overrides: Mapping[str, Any] | None = None,
    metrics: Mapping[str, OwnMetric] | None = None,
    launcher: LauncherName = "here",
    workers: int | None = None,
    slurm: Mapping[str, Any] | None = None,
) -> Front:
    """Run a whole soup: init, one expert per reward, λ sweep, MORL, report; the same call again goes on or reads it.

    >>> from rsoup_lightning import soup
    >>> front = soup("locomotion/quickstart", overrides={"trainer.max_epochs": 5})  # doctest: +SKIP

    Args:
        recipe: the name of one of ours, a file, or the content of one; or what builds a fine-tuner, called once per
            seed: a class, or a function without arguments. Then ``overrides`` say the rest.
        run_dir: the run folder; default: ``runs/`` and the task's and recipe's name.
        seeds: several give one front with their spread; default: the recipe's ``seed_everything``, or 0.
        overrides: keys of a recipe to values: ``{"trainer.max_epochs": 5, "soup.grid": 3}``.
        metrics: name to a metric of your own, whose scores stand beside the rewards' in the front: a function of
            prompts and outputs (texts, images) that gives a number for each, or a torchmetrics ``Metric`` that is
            updated with the two.
        launcher: who computes the stages: "here", this process, one after another; "local", processes on this machine;
            "ray", tasks of Ray (extra ray); "slurm", jobs of SLURM (extra slurm).
        workers: how many at a time; default: one per GPU, or per core; of SLURM: all.
        slurm: options of SLURM's jobs: ``{"partition": "gpu", "time": 240}``, in minutes.

    Raises:
        RSoupError: whatever stops it; what was finished stays, and the same call goes on from there.
    """
    launch = launch_of(launcher, workers, slurm)
    with quiet(), listening(on_stderr):
        resolved, name = resolve(recipe, overrides, metrics)
        folder = user_path(str(run_dir or f"runs/{name}"))
        run_soup(resolved, folder, check_seeds(seeds or [resolved.config.seed_everything]), launch)
    return Front.load(folder, resolved.make)


def resolve(
    recipe: str | Path | Mapping[str, Any] | Callable[[], RewardFineTuner],
    overrides: Mapping[str, Any] | None = None,
    metrics: Mapping[str, OwnMetric] | None = None,
) -> tuple[Recipe, str]:
    """What :func:`soup` runs, and what it calls the run; its arguments are those of :func:`soup`.

    Raises:
        RSoupError: the recipe cannot be read, or asks for what cannot be.
    """
    make = recipe if callable(recipe) else None
    content, name, place = _content(recipe)
    for key, value in (overrides or {}).items():
        _put(content, key, value)
    if make is not None and "model" in content:
        raise ConfigError(f"{name} builds its model itself: leave out model from overrides")
    task = content.get("task")
    if not isinstance(task, str):
        raise ConfigError(f"the recipe has no task: give the name of one, or module:Class, not {task!r:.60}")
    parser = recipe_parser(None if make else fine_tuner_class(task))
    with ours(), chdir(place):
        config = parser.parse_object(content)
    for key in NOT_OF_RECIPES:
        config.pop(key)
    return Recipe.resolve(task, parser, config, make, metrics), name


def _content(recipe: Any) -> tuple[dict[str, Any], str, Path]:
    """A recipe as plain values that are ours to change, what to call its run, and where files lie that it names."""
    if callable(recipe):
        name = getattr(recipe, "__qualname__", type(recipe).__qualname__)
        return {"task": f"{recipe.__module__}:{name}"}, name, Path()
    if isinstance(recipe, Mapping):
        return deepcopy(dict(recipe)), run_name(str(recipe.get("task")), []), Path()
    file = find_recipe(str(recipe))
    content = read_recipe(file)
    return content, run_name(str(content.get("task")), [file]), file.parent


def _put(content: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key, to a copy of the value: a longer key may change it further, and the value is the caller's."""
    *sections, last = key.split(".")
    for section in sections:
        content = content.setdefault(section, {})
        if not isinstance(content, dict):
            raise ConfigError(f"overrides: {key}: the recipe's {section} is no mapping")
    content[last] = deepcopy(value)
