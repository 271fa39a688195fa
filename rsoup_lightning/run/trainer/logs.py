"""Where each stage of a run logs, and logs that a stage which is interrupted and resumed neither loses nor doubles."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from rsoup_lightning.errors import ConfigError

JOB_TYPES = {"init": "init", "experts": "expert", "baselines": "baseline"}
ROWS = "metrics.csv"
EVENTS = "events.out.tfevents.*"


@dataclass(frozen=True)
class Place:
    """Where a stage logs.

    Attributes:
        folder: of the run, or of one of its seeds.
        group: the name of the run.
        run: what tells this run from all others, for services that keep logs of many.
        stage: such as "experts/risky".
    """

    folder: Path
    group: str
    run: str
    stage: str

    def trainer(self, config: Namespace) -> Namespace:
        """The settings of a trainer, with all that it writes under the stage's own name.

        Raises:
            ConfigError: a logger or path that cannot be told apart by stage.
        """
        own = deepcopy(config)
        own.default_root_dir = str(self.folder / self.stage)
        own.logger = [self.logger(logger) for logger in listed(own.logger)] or False
        for writer in [*listed(own.callbacks), *listed(own.profiler)]:
            arguments = _arguments(writer)
            if arguments.get("dirpath") is not None:
                inside = self._inside(arguments["dirpath"], writer)
                if Path(inside) == self.folder:
                    said = f"dirpath {arguments['dirpath']} is the run folder: name one inside it"
                    raise ConfigError(f"{_name(writer)}: {said}")
                arguments["dirpath"] = str(Path(inside, self.stage))
        return own

    def logger(self, config: Namespace) -> Namespace:
        """A logger's settings, for this stage.

        CSVLogger and TensorBoardLogger: ``<run folder>/<save_dir>/<name>/<version>/<stage>``. WandbLogger: its group is
        the run, its job type the kind of stage, and its id the stage's own, so that a resumed stage goes on in it.

        Raises:
            ConfigError: another logger, or a path outside the run folder.
        """
        kind, arguments = resolve_name(config.class_path), _arguments(config)
        if issubclass(kind, CSVLogger | TensorBoardLogger) and {"save_dir", "version"} <= {*arguments.keys()}:
            before = [] if arguments["version"] is None else [str(arguments["version"])]
            arguments["save_dir"] = self._inside(arguments["save_dir"], config)
            arguments["version"] = "/".join([*before, self.stage])
        elif issubclass(kind, WandbLogger):
            for name in ("id", "version", "experiment"):
                if arguments[name] is not None:
                    raise ConfigError(f"trainer.logger: WandbLogger.{name}: remove it: each stage has its own")
            arguments["save_dir"] = self._inside(arguments["dir"] or arguments["save_dir"], config)
            arguments["dir"] = None
            names = [arguments["name"] or self.group, self.folder.resolve().name, self.stage]
            arguments["name"] = "/".join(dict.fromkeys(names))  # the folder is named as the run, or after a seed
            arguments["id"] = sha256(f"{self.run}/{self.stage}".encode()).hexdigest()[:16]
            family = self.stage.split("/")[0]
            own = {"group": self.group, "job_type": JOB_TYPES.get(family, family)}
            config["dict_kwargs"] = {**own, **(config.get("dict_kwargs") or {})}
        else:
            raise ConfigError(
                f"trainer.logger: {kind.__name__}: rsoup soup names each stage's log with CSVLogger, TensorBoardLogger "
                "and WandbLogger alone"
            )
        return config

    def _inside(self, path: str, writer: Namespace) -> str:
        """``path`` in the run folder, which is no other run's."""
        place = os.path.expandvars(os.path.expanduser(path))
        if os.path.isabs(place) or ".." in Path(place).parts or "://" in place:
            raise ConfigError(f"{_name(writer)}: the path {path} leaves the run folder: give one inside, such as logs")
        return str(self.folder / place)


def _name(writer: Namespace) -> str:
    """What its class is called in a recipe."""
    return str(writer.class_path).rpartition(".")[2]


def kept(loggers: Iterable[Logger]) -> list[dict[str, Any]]:
    """What the files of each logger hold now: rows of a CSVLogger as text, lengths of what only ever grows."""
    found = []
    for logger in loggers:
        logger.save()
        files: dict[str, Any] = {}
        if isinstance(logger, CSVLogger):
            files = {name: file.read_text("utf-8") for name, file in _files(logger, ROWS).items()}
        elif isinstance(logger, TensorBoardLogger):
            files = {name: file.stat().st_size for name, file in _files(logger, EVENTS).items()}
        found.append(files)
    return found


def restore(loggers: Sequence[Logger], states: Sequence[dict[str, Any]] | None) -> None:
    """Put the files of loggers, which have not begun to write, back as :func:`kept` found them.

    Args:
        loggers: of a stage that begins or is resumed.
        states: what was kept of each; None of a stage that begins: what one that was interrupted wrote is deleted.
    """
    for logger, state in zip(loggers, states or [{}] * len(loggers), strict=True):
        if isinstance(logger, CSVLogger):
            for file in _files(logger, ROWS).values():
                file.unlink()
            for text in state.values():  # Lightning's writer deletes what it finds, and writes what it is given
                logger.experiment.metrics.extend(csv.DictReader(io.StringIO(text)))
                logger.save()
        elif isinstance(logger, TensorBoardLogger):
            for name, file in _files(logger, EVENTS).items():
                if name in state:
                    os.truncate(file, state[name])
                else:
                    file.unlink()
        elif isinstance(logger, WandbLogger) and logger.save_dir:
            Path(logger.save_dir).mkdir(parents=True, exist_ok=True)  # or it would write elsewhere


def close(loggers: Iterable[Logger]) -> None:
    """End what would otherwise go on into the next stage: a run of W&B is the process's."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def _files(logger: CSVLogger | TensorBoardLogger, pattern: str) -> dict[str, Path]:
    folder = Path(logger.log_dir)
    return {str(file.relative_to(folder)): file for file in folder.rglob(pattern)}


def listed(value: Any) -> list[Any]:
    """None, one or several, as a list."""
    return value if isinstance(value, list) else [] if value in (None, False) else [value]


def _arguments(config: Any) -> Any:
    """What a class is built with; empty where it is no class but a name or a flag."""
    return config.get("init_args") or {} if isinstance(config, Namespace) else {}
