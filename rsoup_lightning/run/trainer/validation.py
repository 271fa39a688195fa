"""``Validation``: a stage's policy on the development split as it trains, and the weights that did best there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from rsoup_lightning.evaluation import evaluate
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.processes import share
from rsoup_lightning.rewards import scalarise, standardise


class Validation(L.Callback):
    """Evaluates the policy on the development split, before the training and after every so many epochs and the last.

    What is best has the highest μ-weighted reward, on the standardised scale, of those that hold all guards; where none
    does, it is the one whose worst guard lacks the least, in standard deviations. Its history is part of a checkpoint.

    Args:
        every: epochs between two evaluations.
        init: reward to init's mean on the development split, from which limits are measured. Default: that of the
            policy before the training.
    """

    def __init__(self, every: int, init: Mapping[str, float] | None = None) -> None:
        self.every = every
        self.init = init
        self.history: list[dict[str, Any]] = []
        self.best = 0
        """Index in ``history``."""
        self.weights: dict[str, Tensor] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, RewardFineTuner)
        if not self.history:
            self._evaluate(pl_module, 0)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, RewardFineTuner)
        epochs = trainer.current_epoch + 1
        if epochs % self.every and epochs != trainer.max_epochs:
            return
        self._evaluate(pl_module, epochs)
        if not self.weights or _rank(self.history[-1]) > _rank(self.history[self.best]):
            self.best = len(self.history) - 1
            self.weights = {name: tensor.cpu().clone() for name, tensor in pl_module.policy.weights().items()}

    def _evaluate(self, module: RewardFineTuner, epochs: int) -> None:
        with evaluating(module), module.policy.evaluated() as policy:
            batches = share(module.environment.dev_batches())  # scores are gathered from all processes
            (scored,) = evaluate(module.environment, module.rewards, policy, batches)
        means = {name: values.mean(0, keepdim=True) for name, values in scored.rewards.items()}
        scores = {name: float(mean) for name, mean in means.items()}
        init = self.init or (self.history[0]["scores"] if self.history else scores)
        one = torch.ones(1, 1, dtype=torch.bool)
        objective = scalarise(standardise(means, module.normalisation), module.preference, one)
        self.history.append(
            {
                "epochs": epochs,
                "scores": scores,
                "objective": float(objective),
                "broken": module.guards.broken(scores, init),
            }
        )

    @property
    def kept(self) -> dict[str, Any]:
        """What is best."""
        return self.history[self.best]

    def described(self) -> str:
        """What is best of a training that has ended, and how good it is, in a line."""
        kept = self.kept
        scores = ", ".join(f"{name} {score:.3g}" for name, score in kept["scores"].items())
        least = ", ".join(f"{name} by {lack:.2g}" for name, lack in kept["broken"].items())
        broken = f"; no evaluation holds every guard, this breaks {least} standard deviations" if least else ""
        return f"epoch {kept['epochs']} of {self.history[-1]['epochs']} (development split: {scores}{broken})"

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history, "best": self.best, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history, self.best, self.weights = (state_dict[key] for key in ("history", "best", "weights"))


def _rank(evaluation: Mapping[str, Any]) -> tuple[float, float]:
    """The larger the better."""
    return -max(evaluation["broken"].values(), default=0.0), evaluation["objective"]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """A module in evaluation mode, and each part of it in its own mode again after that."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
