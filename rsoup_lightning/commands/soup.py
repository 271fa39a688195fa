"""``rsoup soup`` and the Lightning commands. A recipe serves them all: its ``task`` names the class under ``model``."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from contextlib import nullcontext
from itertools import zip_longest
from pathlib import Path

from jsonargparse import Namespace

from rsoup_lightning import registry
from rsoup_lightning.commands.fit import ConfigBesideLogs, RecipeCLI
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path, write_json
from rsoup_lightning.front.record import Record
from rsoup_lightning.front.seeds import combine_seeds
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.report.page import write_report
from rsoup_lightning.run.experiment import Experiment
from rsoup_lightning.run.folder import environment_record, opened
from rsoup_lightning.run.parsing import check_seed, parse, read_recipe
from rsoup_lightning.run.progress import RunProgress, listening, on_stderr
from rsoup_lightning.run.recipe import Recipe, recipe_parser
from rsoup_lightning.run.trainer_settings import of_lightning

NOISE = (
    "many workers",
    "is_gradient_checkpointing",
    "past_key_values` is",
    "LeafSpec",
    "litlogger",
    "LightningCLI's args",
    "tensorboardX",
    "exists and is not empty",
)
"""Parts of other packages' warnings that a user of the command line cannot act on."""
CONFIG_FLAGS = ("-c", "--config")


def lightning(command: str, arguments: list[str]) -> int:
    """``rsoup fit|validate|test``: LightningCLI on the task's class."""
    _quiet()
    arguments = with_recipe_files(arguments)
    with listening(on_stderr), of_lightning():
        RecipeCLI(
            model_class=task_class(arguments)[1],
            seed_everything_default=0,
            save_config_callback=ConfigBesideLogs,
            save_config_kwargs={"overwrite": True},
            parser_kwargs={"prog": "rsoup", "exit_on_error": False, command: {"exit_on_error": False}},
            args=[command, *arguments],
        )
    return 0


def soup(arguments: list[str]) -> int:
    """``rsoup soup``: the whole experiment, for one seed or several."""
    _quiet()
    arguments = with_recipe_files(arguments)
    task, model_class = task_class(arguments)
    parser = recipe_parser(model_class)
    config = parse(parser, arguments)
    run_dir = user_path(config.pop("run_dir") or f"runs/{_run_name(config, task)}")
    seeds = [check_seed(seed) for seed in config.pop("seeds") or [config.seed_everything]]
    if len(set(seeds)) != len(seeds):
        raise ConfigError(f"--seeds names a seed twice: {seeds}")
    config.pop("config")
    with listening(on_stderr):
        recipe = Recipe.resolve(task, parser, config)
    several = len(seeds) > 1
    whole = opened(run_dir, recipe.resolved(seeds=seeds), environment_record(seeds, recipe.device))
    with RunProgress(run_dir.name, len(seeds) * recipe.all_epochs) as progress, whole if several else nullcontext():
        records, stages = [], []
        for seed in seeds:
            path = run_dir / f"seed-{seed}" if several else run_dir
            about = environment_record([seed], recipe.device)
            with opened(path, recipe.resolved(seed_everything=seed), about) as folder:
                for name, change in folder.changed_versions.items():
                    progress.say(f"note: {name} {change} since this run began; it may not end as an uninterrupted one")
                records.append(Experiment(recipe, seed, run_dir.resolve().name, folder, progress).run())
                stages.append(folder.stages)
                write_report(path, records[-1], samples=path / "samples", seeds=stages[-1:])
        if several:
            records = [combine_seeds(records)]
            write_json(run_dir / "front.json", records[0])
            write_report(run_dir, records[0], samples=run_dir / f"seed-{seeds[0]}" / "samples", seeds=stages)
        progress.say(_closing(run_dir, records[0]))
    return 0


def with_recipe_files(arguments: list[str]) -> list[str]:
    """The arguments, each recipe that is named after ``-c`` or ``--config`` replaced by its file.

    Raises:
        UnknownNameError: neither a file nor a recipe of ours.
        ConfigError: nothing is named.
    """
    if arguments[-1:] and arguments[-1] in CONFIG_FLAGS:
        raise ConfigError(
            f"{arguments[-1]} needs a recipe: a file, or the name of one of ours as rsoup tasks lists them"
        )
    replaced, follows = [], False
    for argument in arguments:
        flag, equals, inline = argument.partition("=")
        if follows:
            argument = str(registry.find_recipe(argument))
        elif flag in CONFIG_FLAGS and equals:
            argument = f"{flag}={registry.find_recipe(inline)}"
        follows = argument in CONFIG_FLAGS
        replaced.append(argument)
    return replaced


def task_class(arguments: list[str]) -> tuple[str, type]:
    """The task that ``--task`` or else the last recipe names, and its fine-tuner class.

    Raises:
        ConfigError: neither names one, or a recipe is missing or no YAML mapping.
        UnknownNameError: no such task.
    """
    task = ""
    for name, value in _flags(arguments):
        if name in CONFIG_FLAGS:
            task = read_recipe(Path(value)).get("task", task)
    task = dict(_flags(arguments)).get("--task", task)
    if not task:
        known = ", ".join(registry.names())
        raise ConfigError(f"no task: give a recipe with -c NAME or -c FILE, or --task NAME. Known tasks: {known}")
    if not isinstance(task, str):
        raise ConfigError(f"task must be a name, not {task!r:.60}")
    found = registry.fine_tuner(task)
    if not (isinstance(found, type) and issubclass(found, RewardFineTuner)):
        raise ConfigError(f"the task {task!r} is {found!r:.60}, not a RewardFineTuner")
    return task, found


def _flags(arguments: list[str]) -> list[tuple[str, str]]:
    """Every ``--flag value`` and ``--flag=value``."""
    pairs = []
    for flag, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        name, equals, inline = flag.partition("=")
        pairs.append((name, inline if equals else following))
    return pairs


def _run_name(config: Namespace, task: str) -> str:
    files = [Path(str(path)) for path in config.get("config") or []]
    return "-".join([task.replace(":", "."), *(file.stem for file in files)])


def _closing(run_dir: Path, record: Record) -> str:
    summary = record["summary"]
    volumes = "  ".join(
        f"{kind} {value:.3f}" for kind, value in summary["hypervolume_normalised"].items() if value is not None
    )
    lmc = summary["lmc"]
    return (
        f"normalised hypervolume: {volumes or 'none (the experts score the same)'}\n"
        f"LMC holds at {lmc['holds']} of {lmc['of']} interior λ (worst gap {lmc['worst_gap']:.4g})\n"
        f"open {run_dir / 'report.html'}"
    )


def _quiet() -> None:
    """Silence what other packages say to developers: a user of the command line cannot act on it."""
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not sys.warnoptions:
        for message in NOISE:
            warnings.filterwarnings("ignore", message=f".*{message}")
