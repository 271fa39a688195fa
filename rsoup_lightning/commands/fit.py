"""LightningCLI for one task's fine-tuner: ``rsoup fit``, ``validate`` and ``test``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import lightning as L
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from rsoup_lightning.commands.recipe_command import help_of_any_task, read_line
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.merging.disk.io import load_checkpoint
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.run.console.progress import listening, on_stderr
from rsoup_lightning.run.console.quiet import quiet
from rsoup_lightning.run.recipes.parsing import check_seed, check_values, ours, parse
from rsoup_lightning.run.recipes.recipe_parser import RecipeParser, add_recipe_keys, fine_tuner_class
from rsoup_lightning.run.trainer.trainer_settings import IN_MODEL, check_interval, of_lightning, refuse

OF_LIGHTNING = ("last", "best", "hpc", "registry")
"""What ``--ckpt_path`` takes beside paths."""

logger = logging.getLogger(__name__)


def fit_command(arguments: list[str]) -> int:
    """``rsoup fit``, ``validate`` and ``test``, whose name comes first among the arguments."""
    command, *rest = arguments
    if hint := help_of_any_task(rest):
        print(f"usage: rsoup {command} (-c RECIPE | --task NAME) [options of Lightning's CLI]\n\n{hint}")
        return 0
    with quiet(), listening(on_stderr), of_lightning():
        line = read_line(rest)
        own = {"exit_on_error": False, "recipes": line.recipes, "task": line.task}
        RecipeCLI(
            model_class=fine_tuner_class(line.task),
            seed_everything_default=0,
            save_config_callback=ConfigBesideLogs,
            save_config_kwargs={"overwrite": True},
            parser_kwargs={"prog": "rsoup", **own, command: own},
            parser_class=RecipeParser,
            args=[command, *line.arguments],
        )
    return 0


class ConfigBesideLogs(SaveConfigCallback):
    """Writes config.yaml where the logs go; without a logger nowhere: its place would be the working folder."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if trainer.loggers:
            super().setup(trainer, pl_module, stage)


class RecipeCLI(LightningCLI):
    """LightningCLI for one task's fine-tuner, with the recipe's own keys."""

    checkpoint: Path | None = None
    """What ``--ckpt_path`` names, where it is a path on this machine."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        add_recipe_keys(parser)
        parser.link_arguments("seed_everything", "model.seed", compute_fn=check_seed)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        self.config = parse(parser, args)
        check_values(parser, self.config)
        chosen = self.config[self.config.subcommand]
        refuse(chosen.trainer, IN_MODEL)
        if chosen.weights_only is None:
            chosen.weights_only = True  # nothing that a checkpoint brings along is run
        if chosen.ckpt_path and chosen.ckpt_path not in OF_LIGHTNING and "://" not in chosen.ckpt_path:
            self.checkpoint = user_path(chosen.ckpt_path)
            chosen.ckpt_path = str(self.checkpoint)
            check_checkpoint(self.checkpoint, resumes=self.config.subcommand == "fit")

    def before_fit(self) -> None:
        """Refuse a training without an end, or one that would validate too rarely."""
        check_end(self.config.fit.trainer)
        check_interval(self.config.fit.trainer, self.model.train_dataloader())

    def instantiate_classes(self) -> None:
        with ours(MisconfigurationException, ModuleNotFoundError):
            super().instantiate_classes()
        if self.checkpoint and self.checkpoint.is_file():
            check_fit(self.checkpoint, self.model)


def check_end(trainer: Namespace) -> None:
    """Require that a training has an end, or was told to have none.

    Raises:
        ConfigError: it has none. Lightning would train for 1000 epochs.
    """
    if trainer.fast_dev_run or trainer.max_steps != -1 or trainer.max_time is not None:
        return
    if trainer.max_epochs is None:
        raise ConfigError(
            "this training has no end: give --trainer.max_epochs N, or max_steps or max_time; "
            "--trainer.max_epochs -1 trains until you stop it"
        )
    if trainer.max_epochs == -1:
        logger.info("trains until you stop it: trainer.max_epochs is -1, and there is neither max_steps nor max_time")


def check_checkpoint(path: Path, *, resumes: bool) -> None:
    """Require that ``path`` is a whole checkpoint of a training.

    Raises:
        ConfigError: there is none, or weights alone.
        WeightsError: it is damaged, or would run code.
    """
    if not path.exists():
        raise ConfigError(f"--ckpt_path {path}: there is no such file")
    if path.suffix == ".safetensors" or (path.is_dir() and any(path.glob("*.safetensors"))):
        raise ConfigError(f"--ckpt_path takes checkpoints of rsoup fit: give {path} as --model.init_weights")
    if path.is_file() and "optimizer_states" not in load_checkpoint(path) and resumes:
        raise ConfigError(f"{path} holds weights alone, no state of a training: give it as --model.init_weights")


def check_fit(path: Path, model: RewardFineTuner) -> None:
    """Require that a checkpoint has the tensors of ``model``.

    Raises:
        ConfigError: it is another model's; names a tensor.
    """
    checkpoint = load_checkpoint(path)
    model.on_load_checkpoint(checkpoint)  # which adds what is not saved, as a frozen base
    there = {name: tuple(tensor.shape) for name, tensor in checkpoint["state_dict"].items()}
    here = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name in [*here, *there]:
        if there.get(name) != here.get(name):
            shapes = [f"of shape {shapes[name]}" if name in shapes else "absent" for shapes in (there, here)]
            raise ConfigError(f"{path} is another model's: {name} is {shapes[0]}, in this recipe {shapes[1]}")
