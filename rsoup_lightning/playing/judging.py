"""The rewards of a run, to score what its soup does for a user now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from rsoup_lightning import registry
from rsoup_lightning.errors import RSoupError
from rsoup_lightning.rewards import Reward, per_row, score
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.run.recipes.parsing import ours, read_recipe


class Judge:
    """Scores single outputs by the rewards that can.

    Args:
        rewards: name to reward.
    """

    def __init__(self, rewards: Mapping[str, Reward]) -> None:
        self.rewards = dict(rewards)

    @classmethod
    def load(cls, recipe: Path, names: Sequence[str]) -> Judge:
        """The rewards of a resolved recipe, without those that cannot be built here by themselves.

        Args:
            recipe: of the run.
            names: which of them.

        Raises:
            ConfigError: the recipe cannot be read.
        """
        content = read_recipe(recipe)
        task = str(content.get("task"))
        settings = reward_settings(content)
        found: dict[str, Reward] = {}
        for name in names:
            try:
                found[name] = _built(settings[name]) if name in settings else registry.get(task).reward(name)
            except RSoupError:  # it needs what is not here, or is added by the fine-tuner itself
                continue
        return cls(found)

    def scores(self, rollout: Rollout) -> dict[str, list[float]]:
        """What each reward gives each row; without those that need more than the rollout has.

        Args:
            rollout: what was played.
        """
        found = {}
        for name, reward in self.rewards.items():
            try:
                values = score({name: reward}, rollout, moment="the page")[name]
            except (RSoupError, KeyError):  # it reads what only a training knows
                continue
            found[name] = per_row(values).tolist()
        return found


def reward_settings(content: Mapping[str, Any]) -> dict[str, Any]:
    """The rewards that a recipe sets, by name; not those that its task brings along."""
    model = content.get("model")
    given = model.get("rewards") if isinstance(model, dict) else None
    return given if isinstance(given, dict) else {}


def _built(settings: Mapping[str, Any]) -> Reward:
    """A reward of its ``class_path`` and ``init_args``."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--reward", type=Reward)
    with ours(ModuleNotFoundError):
        made: Reward = parser.instantiate(parser.parse_object({"reward": dict(settings)})).reward
    return made
