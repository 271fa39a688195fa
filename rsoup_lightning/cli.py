"""``rsoup soup`` and the Lightning commands. A recipe serves them all: its ``task`` names the class under ``model``."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import lightning as L
import yaml
from jsonargparse import ActionConfigFile, ArgumentError, Namespace
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from rsoup_lightning import registry
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.experiment import Experiment
from rsoup_lightning.files import write_json
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.progress import RunProgress
from rsoup_lightning.report import write_report
from rsoup_lightning.results import Record, combine_seeds
from rsoup_lightning.run_folder import RunFolder, claim, environment_record
from rsoup_lightning.settings import SoupSettings

QUIET_TRAINER = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "limit_val_batches": 0,
}
"""What the experiment does itself: progress, checkpoints, history."""


class RecipeCLI(LightningCLI):
    """LightningCLI for one task's fine-tuner, with the recipe's own keys."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        add_recipe_keys(parser)
        parser.link_arguments("seed_everything", "model.seed", compute_fn=int)


def add_recipe_keys(parser: LightningArgumentParser) -> None:
    """The keys of a recipe beside model, trainer and seed_everything."""
    parser.add_argument("--task", type=str, help="name of a registered task, or module:Class of a RewardFineTuner")
    parser.add_class_arguments(SoupSettings, "soup")


def lightning(command: str, arguments: list[str]) -> int:
    """``rsoup fit|validate|test``: LightningCLI on the task's class."""
    _quiet()
    RecipeCLI(
        model_class=task_class(arguments)[1],
        seed_everything_default=0,
        save_config_kwargs={"overwrite": True},
        parser_kwargs={"prog": "rsoup"},
        args=[command, *arguments],
    )
    return 0


def soup(arguments: list[str]) -> int:
    """``rsoup soup``: the whole experiment, for one seed or several."""
    _quiet()
    task, model_class = task_class(arguments)
    parser = soup_parser(model_class)
    try:
        config = parser.parse_args(arguments)
    except ArgumentError as error:
        raise ConfigError(str(error)) from error
    run_dir = Path(config.pop("run_dir") or Path("runs") / _run_name(config, task))
    seeds: list[int] = config.pop("seeds") or [config.seed_everything]
    if len(set(seeds)) != len(seeds):
        raise ConfigError(f"--seeds names a seed twice: {seeds}")
    config.pop("config")
    settings = SoupSettings(**config.soup.as_dict())
    if config.trainer.max_epochs is None or config.trainer.max_epochs < 1:
        raise ConfigError("trainer.max_epochs must say for how many epochs each expert trains (at least 1)")
    if config.trainer.devices not in ("auto", 1, "1") or config.trainer.num_nodes != 1:
        raise ConfigError(
            "rsoup soup trains on one device; for several, use rsoup fit, then rsoup test with SoupCallback"
        )
    resolved = yaml.safe_load(parser.dump(config, skip_none=False))
    if len(seeds) > 1:
        claim(run_dir, {**resolved, "seeds": seeds})
    trainings = (len(settings.experts or [0, 0]) + len(settings.morl)) * config.trainer.max_epochs
    with RunProgress(run_dir.name, len(seeds) * (settings.init_epochs + trainings)) as progress:
        records = []
        for seed in seeds:
            config.seed_everything = seed
            path = run_dir / f"seed-{seed}" if len(seeds) > 1 else run_dir
            folder = RunFolder(path, {**resolved, "seed_everything": seed}, environment_record(seed))
            records.append(_run(task, parser, config, settings, seed, folder, progress))
        if len(seeds) > 1:
            combined = combine_seeds(records)
            write_json(run_dir / "front.json", combined)
            write_report(run_dir, combined, samples=run_dir / f"seed-{seeds[0]}" / "samples")
        progress.say(_closing(run_dir, combined if len(seeds) > 1 else records[0]))
    return 0


def _run(
    task: str,
    parser: LightningArgumentParser,
    config: Namespace,
    settings: SoupSettings,
    seed: int,
    folder: RunFolder,
    progress: RunProgress,
) -> Record:
    def build(trainer: Mapping[str, Any], model: Mapping[str, Any]) -> tuple[L.Trainer, RewardFineTuner]:
        stage = config.clone()
        for key, value in {**QUIET_TRAINER, "default_root_dir": str(folder.path), **trainer}.items():
            stage.trainer[key] = value
        for key, value in model.items():
            stage.model[key] = value
        made = parser.instantiate_classes(stage)
        return made.trainer, made.model

    experiment = Experiment(
        task,
        settings,
        build,
        epochs=config.trainer.max_epochs,
        init_weights=config.model.init_weights,
        seed=seed,
        folder=folder,
        progress=progress,
    )
    record = experiment.run()
    write_report(folder.path, record, samples=folder.path / "samples")
    return record


def soup_parser(model_class: type) -> LightningArgumentParser:
    """The parser of ``rsoup soup`` for a task's class."""
    parser = LightningArgumentParser(
        prog="rsoup soup",
        description="The whole experiment: init, one expert per reward, λ sweep, MORL, report.",
        exit_on_error=False,
    )
    parser.add_argument("-c", "--config", action=ActionConfigFile, help="a recipe; repeat it, and later ones win")
    parser.add_argument("--seed_everything", type=int, default=0, help="seed of everything random")
    parser.add_class_arguments(L.Trainer, "trainer", fail_untyped=False)
    parser.add_class_arguments(model_class, "model")
    add_recipe_keys(parser)
    parser.add_argument("--run_dir", type=str | None, default=None, help="run folder; default runs/<task>-<recipe>")
    parser.add_argument("--seeds", type=int, nargs="+", default=None, help="several seeds: one front with their spread")
    return parser


def task_class(arguments: list[str]) -> tuple[str, type]:
    """The task that ``--task`` or else the last recipe names, and its fine-tuner class.

    Raises:
        ConfigError: neither names one, or a recipe is missing or no YAML mapping.
        UnknownNameError: no such task.
    """
    task = ""
    for name, value in _flags(arguments):
        if name in ("-c", "--config"):
            task = _read_recipe(Path(value)).get("task", task)
    task = dict(_flags(arguments)).get("--task", task)
    if not task:
        known = ", ".join(registry.tasks())
        raise ConfigError(f"no task: give a recipe with -c FILE, or --task NAME. Known tasks: {known}")
    return task, registry.fine_tuner(task)


def _flags(arguments: list[str]) -> list[tuple[str, str]]:
    """Every ``--flag value`` and ``--flag=value``."""
    pairs = []
    for flag, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        name, equals, inline = flag.partition("=")
        pairs.append((name, inline if equals else following))
    return pairs


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the recipe {path}: {error}") from error
    if not isinstance(recipe, dict):
        raise ConfigError(f"the recipe {path} is no YAML mapping")
    return recipe


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
        for message in ("many workers", "LeafSpec", "litlogger", "LightningCLI's args", "tensorboardX"):
            warnings.filterwarnings("ignore", message=f".*{message}")
