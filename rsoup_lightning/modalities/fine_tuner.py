"""What the fine-tuners of pre-trained models share: rewards by name, and checkpoints without what is frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.registry import Task
from rsoup_lightning.rewards import Reward


class PretrainedFineTuner(RewardFineTuner):
    """Fine-tunes part of a pre-trained model; a checkpoint holds that part, as the rest is where it was loaded from."""

    task: ClassVar[Task | None] = None
    """Where rewards given by name alone are looked up."""

    @classmethod
    def built(cls, rewards: Mapping[str, Reward] | Sequence[str]) -> dict[str, Reward]:
        """Rewards by name, those given by name alone from the task.

        Raises:
            ConfigError: there is no task to look them up in.
        """
        if isinstance(rewards, Mapping):
            return dict(rewards)
        if cls.task is None:
            raise ConfigError(f"{cls.__name__} has no task to look rewards up in: give each one's class_path")
        return {name: cls.task.reward(name) for name in rewards}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        frozen = self._frozen()
        checkpoint["state_dict"] = {k: v for k, v in checkpoint["state_dict"].items() if k not in frozen}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        own, frozen = self.state_dict(), self._frozen()
        checkpoint["state_dict"] |= {name: own[name] for name in frozen & own.keys()}

    def _frozen(self) -> set[str]:
        learns = {name for name, parameter in self.policy.named_parameters() if parameter.requires_grad}
        frozen = self.policy.state_dict().keys() - self.policy.weights().keys() - learns
        return {f"policy.{name}" for name in frozen}
