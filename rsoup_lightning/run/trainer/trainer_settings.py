"""Which of Lightning's trainer settings a training can honour; every other one is refused by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from inspect import signature
from pkgutil import resolve_name
from typing import Any

import lightning as L
from jsonargparse import Namespace
from lightning.pytorch.callbacks import (
    Checkpoint,
    DeviceStatsMonitor,
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
    Timer,
)
from lightning.pytorch.plugins.environments import ClusterEnvironment
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.run.trainer.callbacks import SoupCallback
from rsoup_lightning.run.trainer.logs import listed
from rsoup_lightning.run.trainer.stage_checkpoint import StageCheckpoint

LIGHTNING = {name: parameter.default for name, parameter in signature(L.Trainer).parameters.items()}
QUIET_TRAINER = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "limit_val_batches": 0,
}
"""A trainer that writes and prints nothing: ``rsoup soup`` does that itself, and its recipes ask for more."""
SOUP = {**QUIET_TRAINER, "enable_checkpointing": None, "devices": 1}
"""Where the defaults of ``rsoup soup`` are not Lightning's. Of checkpoints, null takes those of the callbacks alone."""
SILENT = {"logger": False, "callbacks": None, "enable_checkpointing": False}
"""Of a trainer that trains nothing."""

IN_MODEL = {
    "accumulate_grad_batches": "model.micro_batch_size bounds memory",
    "gradient_clip_val": "model.max_grad_norm clips the gradient",
    "gradient_clip_algorithm": "model.max_grad_norm clips the gradient",
}
"""What a fine-tuner does itself, in ``rsoup fit`` as well."""

IN_SOUP = {
    **IN_MODEL,
    **dict.fromkeys(
        ("max_steps", "max_time", "min_epochs", "min_steps", "fast_dev_run"),
        "a stage trains for trainer.max_epochs, or soup.init_epochs",
    ),
    "barebones": "stages need their checkpoints",
    "enable_progress_bar": "rsoup soup shows its own progress",
    "default_root_dir": "--run_dir says where a run lies",
    "limit_test_batches": "every λ is evaluated on all batches",
    "limit_predict_batches": "nothing is predicted",
}
VALIDATION = ("val_check_interval", "check_val_every_n_epoch", "num_sanity_val_steps")


def refuse(trainer: Namespace, reasons: Mapping[str, str], defaults: Mapping[str, Any] | None = None) -> None:
    """Require that settings which cannot be honoured have their default.

    Raises:
        ConfigError: one has another value; says what to do.
    """
    for name, reason in reasons.items():
        if trainer[name] != {**LIGHTNING, **(defaults or {})}[name]:
            raise ConfigError(f"trainer.{name}: remove it: {reason}")


def check_interval(trainer: Namespace, batches: Iterable[Any]) -> None:
    """Require that validation takes place within an epoch, if it is to be after so many training ``batches``.

    Raises:
        ConfigError: an epoch has fewer.
    """
    interval, limit = trainer.val_check_interval, trainer.limit_train_batches
    if type(interval) is not int or trainer.check_val_every_n_epoch is None or not isinstance(batches, Sized):
        return
    number = min(len(batches), limit) if type(limit) is int else int(len(batches) * (1 if limit is None else limit))
    if interval > number and trainer.limit_val_batches != 0:
        raise ConfigError(f"trainer.val_check_interval is {interval}: an epoch has {number} batches")


def settle_soup_trainer(trainer: Namespace) -> None:
    """Say in the settings what ``rsoup soup`` makes of those that leave it the choice, after a check of them all.

    Raises:
        ConfigError: names the setting.
    """
    if trainer.max_epochs is None or trainer.max_epochs < 1:
        raise ConfigError("trainer.max_epochs must say for how many epochs each expert trains (at least 1)")
    trainer.devices = _number_of_devices(trainer)
    for plugin in listed(trainer.plugins):
        if isinstance(plugin, Namespace) and issubclass(resolve_name(plugin.class_path), ClusterEnvironment):
            name = plugin.class_path.rpartition(".")[2]
            raise ConfigError(
                f"trainer.plugins: {name}: remove it: a stage starts its processes itself, or torchrun does"
            )
    if trainer.logger in (None, True):
        raise ConfigError("trainer.logger: name one, such as CSVLogger, or give false")
    refuse(trainer, IN_SOUP, SOUP)
    if trainer.limit_val_batches == 0:
        refuse(trainer, dict.fromkeys(VALIDATION, "it does nothing without trainer.limit_val_batches (1.0: all)"), SOUP)
    if trainer.enable_checkpointing is None:
        kinds = [resolve_name(callback.class_path) for callback in listed(trainer.callbacks)]
        trainer.enable_checkpointing = any(issubclass(kind, Checkpoint) for kind in kinds)


def _number_of_devices(trainer: Namespace) -> int:
    """How many devices of each machine a training uses.

    Raises:
        ConfigError: no number, or a strategy by which several cannot train.
    """
    written = 1 if trainer.devices == "auto" else trainer.devices
    if not re.fullmatch(r"[1-9]\d*", str(written)):
        raise ConfigError(
            f"trainer.devices is {written}: give a number; CUDA_VISIBLE_DEVICES says which GPUs there are"
        )
    strategy = trainer.strategy.class_path if isinstance(trainer.strategy, Namespace) else trainer.strategy
    if int(written) * trainer.num_nodes > 1 and str(strategy).rpartition(".")[2] not in ("auto", "ddp", "DDPStrategy"):
        raise ConfigError(f"trainer.strategy is {strategy}: a stage trains on several devices by ddp alone")
    return int(written)


def check_soup_callbacks(callbacks: Iterable[L.Callback], *, logs: bool, validates: bool) -> None:
    """Require callbacks that the stages of a soup can honour.

    Args:
        callbacks: as they were built.
        logs: whether there is a logger.
        validates: whether there is validation while a stage trains.

    Raises:
        ConfigError: names the callback.
    """
    for callback in callbacks:
        name = f"trainer.callbacks: {type(callback).__name__}"
        if isinstance(callback, EarlyStopping | Timer):
            raise ConfigError(f"{name}: remove it: it would end a stage before its last epoch")
        if isinstance(callback, SoupCallback | StageCheckpoint):
            raise ConfigError(f"{name}: remove it: rsoup soup does this itself")
        if isinstance(callback, LearningRateMonitor | DeviceStatsMonitor) and not logs:
            raise ConfigError(f"{name} needs a trainer.logger, such as CSVLogger")
        if isinstance(callback, ModelCheckpoint) and (callback.monitor or "").startswith("val/") and not validates:
            raise ConfigError(f"{name} watches {callback.monitor}: set trainer.limit_val_batches (1.0: all)")


@contextmanager
def of_lightning() -> Iterator[None]:
    """What Lightning finds wrong with a trainer only when it runs, as an error of ours.

    Raises:
        ConfigError: in its words.
    """
    try:
        yield
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from None
