"""How recipes are written: the parser of ``rsoup soup``, and what it makes of a part of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import Any, Literal

import lightning as L
from jsonargparse import ActionConfigFile, Namespace
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from rsoup_lightning import registry
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.run.launchers.launcher import LAUNCHERS
from rsoup_lightning.run.recipes.class_help import ClassFormatter, help_on_classes
from rsoup_lightning.run.recipes.hinting import HintingParser
from rsoup_lightning.run.recipes.parsing import ours
from rsoup_lightning.run.recipes.settings import SoupSettings
from rsoup_lightning.run.trainer.trainer_settings import SOUP

NOT_OF_RECIPES = ("config", "run_dir", "seeds", "launcher", "workers", "slurm")
"""Options of ``rsoup soup`` that are no part of what a run is."""


def built(kind: type, key: str, settings: Namespace | dict[str, Any]) -> Any:
    """A ``kind`` of what a recipe has under one key: as its parser resolved it, or as plain values.

    Raises:
        RSoupError: it cannot be built; names the setting.
    """
    parser = _parser_of(kind, key)
    with ours(MisconfigurationException, ModuleNotFoundError):
        resolved = settings if isinstance(settings, Namespace) else parser.parse_object({key: settings})[key]
        return parser.instantiate(Namespace({key: resolved}))[key]


@cache  # to find out what a trainer takes costs more than many a stage of a small model
def _parser_of(kind: type, key: str) -> HintingParser:
    parser = HintingParser(exit_on_error=False)
    parser.add_class_arguments(kind, key, fail_untyped=False)
    return parser


def run_name(task: str, recipes: Iterable[str | Path]) -> str:
    """What a run is called where nobody says.

    >>> run_name("tasks.mine:Task", ["conf/small.yaml"])
    'Task-small'
    """
    return "-".join([task.rpartition(":")[2], *(Path(recipe).stem for recipe in recipes)])


def fine_tuner_class(task: str) -> type[RewardFineTuner]:
    """The class of a registered task, or of ``module:Class``.

    Raises:
        UnknownNameError: no such task.
        ConfigError: it cannot be imported, or is no :class:`RewardFineTuner`.
    """
    found = registry.fine_tuner(task)
    if not (isinstance(found, type) and issubclass(found, RewardFineTuner)):
        raise ConfigError(f"the task {task!r} is {found!r:.60}, not a RewardFineTuner")
    return found


class RecipeParser(HintingParser, LightningArgumentParser):
    """A parser of command lines some of whose recipes are read already.

    Args:
        recipes: file to text of each of them.
        task: whose classes its help lists, where that is asked for.
        **settings: of the parser.
    """

    def __init__(self, *, recipes: Mapping[str, str] | None = None, task: str | None = None, **settings: Any) -> None:
        super().__init__(**{"formatter_class": ClassFormatter, **settings})
        self.recipes, self.task = recipes or {}, task

    def parse_args(self, args: Sequence[str] | None = None, **settings: Any) -> Namespace:  # type: ignore[override]
        """As jsonargparse does, but for the help on a key that takes classes, which is printed."""
        if args and (said := help_on_classes(self, args, self.task)):
            print(said)
            self.exit()
        return super().parse_args(args, **settings)

    def parse_path(self, path: Any, *args: Any, **kwargs: Any) -> Namespace:
        text = self.recipes.get(str(path))
        if text is None:
            return super().parse_path(path, *args, **kwargs)
        with chdir(Path(path).parent):  # where files lie that it names for its sections
            return self.parse_string(text, **kwargs)


def recipe_parser(
    model_class: type | None, recipes: Mapping[str, str] | None = None, task: str | None = None
) -> RecipeParser:
    """The parser of ``rsoup soup``.

    Args:
        model_class: a task's fine-tuner; None: Python builds it.
        recipes: file to text of those that a command line names.
        task: its name, for help on classes.
    """
    parser = RecipeParser(
        recipes=recipes,
        task=task,
        prog="rsoup soup",
        description="The whole experiment: init, one expert per reward, λ sweep, MORL, report.",
        exit_on_error=False,
    )
    parser.add_argument("-c", "--config", action=ActionConfigFile, help="a recipe; repeat it, and later ones win")
    parser.add_argument("--seed_everything", type=int, default=0, help="seed of everything random")
    parser.add_class_arguments(L.Trainer, "trainer", fail_untyped=False)
    parser.set_defaults({f"trainer.{name}": value for name, value in SOUP.items()})
    if model_class:
        parser.add_class_arguments(model_class, "model")
    add_recipe_keys(parser)
    parser.add_argument("--run_dir", type=str | None, default=None, help="run folder; default runs/<task>-<recipe>")
    where = "who computes the stages: this process, one after another (here), --workers processes on this machine "
    where += "(local), tasks of Ray (ray, extra ray), or jobs of SLURM (slurm, extra slurm)"
    parser.add_argument("--launcher", type=Literal[LAUNCHERS], default="here", help=where)
    parser.add_argument("--workers", type=int | None, default=None, help="how many; default: one per GPU, or core")
    jobs = "options of SLURM's jobs, by submitit's names: --slurm.partition gpu --slurm.time 240 (minutes)"
    parser.add_argument("--slurm", type=dict[str, Any], default={}, help=jobs)
    parser.add_argument("--seeds", type=int, nargs="+", default=[], help="several seeds: one front with their spread")
    return parser


def add_recipe_keys(parser: LightningArgumentParser) -> None:
    """The keys of a recipe beside model, trainer and seed_everything."""
    parser.add_argument("--task", type=str, help="name of a registered task, or module:Class of a RewardFineTuner")
    parser.add_class_arguments(SoupSettings, "soup")
