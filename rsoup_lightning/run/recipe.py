"""A recipe: a task's fine-tuner, a trainer and what the soup does with them, as the command line resolved them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L
import yaml
from jsonargparse import ActionConfigFile, Namespace
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.rewards import objectives
from rsoup_lightning.run.logs import Place
from rsoup_lightning.run.parsing import check_values, ours
from rsoup_lightning.run.settings import SoupSettings, check_settings
from rsoup_lightning.run.trainer_settings import SILENT, SOUP, check_interval, check_soup_callbacks, settle_soup_trainer


@dataclass(frozen=True)
class Recipe:
    """Everything ``rsoup soup`` needs to know of a run, but where it goes and which seed it has.

    Attributes:
        task: name for front.json.
        parser: builds trainer and module from ``config``.
        config: the resolved recipe.
        settings: what to do around the trainings.
        experts: the rewards that get an expert.
        device: where it trains, such as "cpu" or "cuda:0".
    """

    task: str
    parser: LightningArgumentParser
    config: Namespace
    settings: SoupSettings
    experts: tuple[str, ...] = ()
    device: str = ""

    @classmethod
    def resolve(cls, task: str, parser: LightningArgumentParser, config: Namespace) -> Recipe:
        """Check a parsed recipe against the module it describes.

        Raises:
            RSoupError: whatever would stop the run later: names, preferences, an environment that is not there.
        """
        check_values(parser, config)
        settings = SoupSettings(**config.soup.as_dict())
        trainer = config.trainer
        settle_soup_trainer(trainer)
        draft = cls(task, parser, config, settings)
        made, module = draft.build(Place(Path(), "", "", "init"))
        callbacks = made.callbacks  # type: ignore[attr-defined]  # Lightning sets it without declaring it
        check_soup_callbacks(callbacks, logs=bool(made.loggers), validates=trainer.limit_val_batches != 0)
        check_interval(trainer, module.train_dataloader())
        experts = check_settings(settings, list(module.rewards), objectives(module.rewards))
        return replace(draft, experts=tuple(experts), device=str(made.strategy.root_device))

    def build(
        self, place: Place | None = None, epochs: int = 1, model: Mapping[str, Any] | None = None
    ) -> tuple[L.Trainer, RewardFineTuner]:
        """A trainer and a module.

        Args:
            place: where the trainer logs; None: it logs nothing, and has no callbacks.
            epochs: of the trainer.
            model: arguments of the module to override.
        """
        stage = self.config.clone()
        stage.trainer = place.trainer(stage.trainer) if place else stage.trainer
        stage.trainer.update(Namespace() if place else Namespace(**SILENT))
        stage.trainer.max_epochs = epochs
        for key, value in (model or {}).items():
            stage.model[key] = value
        with ours(MisconfigurationException, ModuleNotFoundError):
            made = self.parser.instantiate(stage)
        return made.trainer, made.model

    @property
    def epochs(self) -> int:
        """Training epochs of each expert and MORL baseline."""
        return self.config.trainer.max_epochs

    @property
    def all_epochs(self) -> int:
        """Training epochs of a whole run."""
        return self.settings.init_epochs + self.epochs * (len(self.experts) + len(self.settings.morl))

    def resolved(self, **changes: Any) -> dict[str, Any]:
        """The configuration as plain values, for a run folder."""
        return {**yaml.safe_load(self.parser.dump(self.config, skip_unset=False)), **changes}


def recipe_parser(model_class: type) -> LightningArgumentParser:
    """The parser of ``rsoup soup`` for a task's fine-tuner."""
    parser = LightningArgumentParser(
        prog="rsoup soup",
        description="The whole experiment: init, one expert per reward, λ sweep, MORL, report.",
        exit_on_error=False,
    )
    parser.add_argument("-c", "--config", action=ActionConfigFile, help="a recipe; repeat it, and later ones win")
    parser.add_argument("--seed_everything", type=int, default=0, help="seed of everything random")
    parser.add_class_arguments(L.Trainer, "trainer", fail_untyped=False)
    parser.set_defaults({f"trainer.{name}": value for name, value in SOUP.items()})
    parser.add_class_arguments(model_class, "model")
    add_recipe_keys(parser)
    parser.add_argument("--run_dir", type=str | None, default=None, help="run folder; default runs/<task>-<recipe>")
    parser.add_argument("--seeds", type=int, nargs="+", default=[], help="several seeds: one front with their spread")
    return parser


def add_recipe_keys(parser: LightningArgumentParser) -> None:
    """The keys of a recipe beside model, trainer and seed_everything."""
    parser.add_argument("--task", type=str, help="name of a registered task, or module:Class of a RewardFineTuner")
    parser.add_class_arguments(SoupSettings, "soup")
