"""A recipe: a task's fine-tuner, a trainer and what the soup does with them, as the command line resolved them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import lightning as L
import torch
import yaml
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.strategies import DDPStrategy, Strategy

from rsoup_lightning import registry
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import PictureData, PromptData
from rsoup_lightning.modalities.data_environment import check_some
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.own_metrics import OwnMetric, check_own_metrics
from rsoup_lightning.rewards import objectives
from rsoup_lightning.run.recipes.hinting import HintingParser
from rsoup_lightning.run.recipes.parsing import check_values, ours, read_recipe
from rsoup_lightning.run.recipes.recipe_parser import NOT_OF_RECIPES, built, fine_tuner_class, recipe_parser
from rsoup_lightning.run.recipes.settings import SoupSettings, check_settings
from rsoup_lightning.run.trainer.logs import Place, listed
from rsoup_lightning.run.trainer.trainer_settings import (
    SILENT,
    check_interval,
    check_soup_callbacks,
    settle_soup_trainer,
)

ALONE = Namespace(class_path="lightning.pytorch.plugins.environments.LightningEnvironment")
"""What a trainer is told of the machines it runs on: nothing. In a job of SLURM it would take the job's tasks for its
own processes, queue the job again by itself and go on from checkpoints of its own."""


@dataclass(frozen=True)
class Recipe:
    """Everything ``rsoup soup`` needs to know of a run, but where it goes and which seed it has.

    Attributes:
        task: name for front.json.
        parser: of ``config``.
        config: the resolved recipe.
        settings: what to do around the trainings.
        make: builds the fine-tuner; None: ``config`` does.
        metrics: the user's own, by name: what the sweep measures beside the rewards.
    """

    task: str
    parser: LightningArgumentParser
    config: Namespace
    settings: SoupSettings
    make: Callable[[], RewardFineTuner] | None = None
    metrics: Mapping[str, OwnMetric] = field(default_factory=dict)

    @classmethod
    def resolve(
        cls,
        task: str,
        parser: LightningArgumentParser,
        config: Namespace,
        make: Callable[[], RewardFineTuner] | None = None,
        metrics: Mapping[str, OwnMetric] | None = None,
    ) -> Recipe:
        """Check a parsed recipe, as far as that goes without the module it describes; see :meth:`check`.

        Raises:
            ConfigError: names the setting.
        """
        check_values(parser, config)
        config = config.clone(with_meta=False)  # without the files that sections were read from
        settle_soup_trainer(config.trainer)
        return cls(task, parser, config, built(SoupSettings, "soup", config.soup), make, metrics or {})

    @classmethod
    def of_run(cls, folder: Path) -> Recipe:
        """The recipe of a run, as its folder holds it. Paths in it are read from the folder one works in.

        Raises:
            RSoupError: it cannot be read, or a part of it is known only to the process that began the run.
        """
        content = read_recipe(folder / "config.yaml")
        _check_no_metrics(content.get("metrics") or ())
        task = str(content.get("task"))
        make = None if "model" in content else registry.fine_tuner(task)
        parser = recipe_parser(None if make else fine_tuner_class(task))
        with ours():
            config = parser.parse_object(content)
        for key in NOT_OF_RECIPES:
            config.pop(key)
        return cls.resolve(task, parser, config, make)

    def check_data(self) -> None:
        """Require a development split where it is asked for, before a model is loaded, or even pre-trained, for that.

        Raises:
            RSoupError: the data that ``model.data`` describes has none, or cannot be read.
        """
        described = next((action for action in self.parser._actions if action.dest == "model.data"), None)
        if not self._needs_dev or described is None:
            return
        alone = HintingParser(exit_on_error=False)
        alone.add_argument("--data", type=described._typehint)  # type: ignore[attr-defined]  # of jsonargparse
        with ours():
            data = alone.instantiate(Namespace(data=self.config.model.data)).data
        if isinstance(data, PromptData | PictureData):
            entries = data.entries("dev") if isinstance(data, PromptData) else data.items("dev")
            check_some(entries, data, "dev")

    @property
    def _needs_dev(self) -> bool:
        return bool(self.settings.validate_every) or self.settings.split == "dev"

    def check(self, module: RewardFineTuner) -> list[str]:
        """The rewards that span the front, after a check of the recipe against its module.

        Raises:
            RSoupError: whatever would stop the run later: names, preferences, callbacks.
        """
        check_own_metrics(self.metrics, list(module.rewards))
        if module.normalisation:
            raise ConfigError("model.normalisation: remove it: a run measures init's rewards itself (soup.normalise)")
        trainer = self.trainer(Place(Path(), "", "", "init"))
        callbacks = trainer.callbacks  # type: ignore[attr-defined]  # Lightning sets it without declaring it
        validates = self.config.trainer.limit_val_batches != 0
        check_soup_callbacks(callbacks, logs=bool(trainer.loggers), validates=validates)
        check_interval(self.config.trainer, module.train_dataloader())
        if self._needs_dev:
            module.environment.dev_batches()
        module.guards.check(module.rewards if self.settings.normalise else ())
        rewards = check_settings(self.settings, list(module.rewards), objectives(module.rewards))
        self.settings.method.check(module, rewards)
        return rewards

    def check_elsewhere(self) -> None:
        """Require that other processes can build what this one has.

        Raises:
            ConfigError: a part of the recipe is known only here; names it.
        """
        _check_no_metrics(self.metrics)
        module, _, name = self.task.partition(":")
        known = not self.make or getattr(sys.modules.get(module), name, None) is self.make
        if not known or module == "__main__":
            raise ConfigError(
                f"{self.task} is known only where soup() was called: move it to a module, or use no launcher"
            )

    def fine_tuner(self, seed: int) -> RewardFineTuner:
        """The fine-tuner, built anew.

        Raises:
            RSoupError: it cannot be built: an environment or a model that is not there.
        """
        L.seed_everything(seed, verbose=False)
        if self.make is None:
            model = self.config.model.clone()
            model.seed = seed
            module: RewardFineTuner = built(fine_tuner_class(self.task), "model", model)
        else:
            module = self.make()
            module.seed = seed
        return module

    def trainer(self, place: Place | None = None, epochs: int = 1) -> L.Trainer:
        """A trainer.

        Args:
            place: where it logs; None: it logs nothing, and has no callbacks.
            epochs: how many it trains for.

        Raises:
            RSoupError: it cannot be built.
        """
        settings = self.config.trainer.clone()
        settings = place.trainer(settings) if place else settings
        settings.update(Namespace() if place else Namespace(**SILENT))
        settings.max_epochs = epochs
        settings.plugins = [*listed(settings.plugins), ALONE]
        made: L.Trainer = built(L.Trainer, "trainer", settings)
        return made

    @cached_property
    def _strategy(self) -> Strategy:
        return self.trainer().strategy

    @property
    def device(self) -> torch.device:
        """Where its trainer trains."""
        return self._strategy.root_device

    @property
    def leads(self) -> bool:
        """Whether this process trains alone, or is the first of those that train together: the one that writes."""
        return self._strategy.is_global_zero

    @property
    def team(self) -> int:
        """How many processes have yet to be started to train together; 1: this one trains, maybe as one of several."""
        strategy, trainer = self._strategy, self.config.trainer
        if not isinstance(strategy, DDPStrategy) or strategy.cluster_environment is None:
            return 1
        started = strategy.cluster_environment.creates_processes_externally
        return 1 if started else int(trainer.devices * trainer.num_nodes)

    @property
    def epochs(self) -> int:
        """Training epochs of each expert and MORL baseline."""
        return self.config.trainer.max_epochs

    def resolved(self, **changes: Any) -> dict[str, Any]:
        """The configuration as plain values, for a run folder."""
        own = {"metrics": list(self.metrics)} if self.metrics else {}
        return {**yaml.safe_load(self.parser.dump(self.config, skip_unset=False)), **own, **changes}


def _check_no_metrics(names: Iterable[str]) -> None:
    if listed := ", ".join(names):
        raise ConfigError(f"the metrics {listed} are known only where soup() was called: use no launcher with them")
