"""``EnvironmentModule``: what Lightning asks of a training in an environment, beside what a step does."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sized
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import DDPStrategy

from rsoup_lightning import processes
from rsoup_lightning.environment import Environment
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.policy import Policy


class EnvironmentModule(L.LightningModule):
    """A policy's batches, optimiser, seeds, and how several processes share them; a subclass has the steps.

    Args:
        environment: where rollouts come from.
        policy: what is trained.
        optimizer: builds the optimiser of the trainable parameters.
        decay_learning_rate: let the learning rate fall linearly to zero over ``trainer.max_epochs``.
        seed: of everything random; with the same seed, a run killed and resumed equals one that was not.
    """

    def __init__(
        self,
        environment: Environment,
        policy: Policy,
        optimizer: OptimizerCallable,
        *,
        decay_learning_rate: bool,
        seed: int,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # one rollout serves several optimiser steps
        self.environment = environment
        self.policy = policy
        self.optimizer = optimizer
        self.decay_learning_rate = decay_learning_rate
        self.seed = seed
        self.epochs_before = 0  # of trainings that this one continues, whose rollouts it is not to sample again

    def _optimizer(self) -> LightningOptimizer:
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)  # configure_optimizers gives one
        return optimizer

    def configure_optimizers(self) -> torch.optim.Optimizer:
        try:
            optimizer = self.optimizer(parameter for parameter in self.policy.parameters() if parameter.requires_grad)
        except ValueError as error:
            raise ConfigError(f"the optimizer cannot be built: {error}") from error
        if isinstance(optimizer, torch.optim.LBFGS):
            raise ConfigError("LBFGS computes the loss again within a step, which rollouts do not allow: choose Adam")
        return optimizer

    def train_dataloader(self) -> Iterable[Any]:
        batches = self.environment.train_batches()
        return processes.Turns(batches) if processes.several() else batches

    def val_dataloader(self) -> Iterable[Any]:
        return self.environment.eval_batches()

    test_dataloader = val_dataloader

    def on_fit_start(self) -> None:
        if self.decay_learning_rate and (self.trainer.max_epochs or -1) < 1:
            raise ConfigError("decay_learning_rate needs to know the end: set trainer.max_epochs")
        self._check_processes()
        if not torch.cuda.is_available():
            # Lightning sets this for the process when it is imported: each count of devices then opens the NVIDIA
            # library anew, and torch counts at each optimiser step. It costs a tenth of a small network's update.
            os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)

    def _check_processes(self) -> None:
        """Require what several processes can do."""
        count, batches = self.trainer.world_size, self.environment.train_batches()
        if count == 1:
            return
        if not isinstance(self.trainer.strategy, DDPStrategy):
            raise ConfigError(
                f"trainer.strategy is {type(self.trainer.strategy).__name__}: several devices train by ddp"
            )
        if isinstance(batches, Sized) and len(batches) % count:
            raise ConfigError(
                f"an epoch has {len(batches)} training rollouts, which {count} processes cannot share out: "
                f"give it a multiple of {count}"
            )

    def _alone(self) -> AbstractContextManager[None]:
        """Context in which Lightning leaves gradients of several processes as they are.

        It would average them at every backward, and each time wants one of every parameter.
        """
        strategy = self.trainer.strategy
        return strategy.block_backward_sync() if isinstance(strategy, DDPStrategy) else nullcontext()

    def on_train_epoch_start(self) -> None:
        self.environment.begin(self._seed_of(0, self._epoch), self.global_rank)
        if self.decay_learning_rate:
            left = 1 - self.current_epoch / (self.trainer.max_epochs or 1)
            for group in self._optimizer().param_groups:
                group["lr"] = left * group.setdefault("initial_lr", group["lr"])

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # Everything random in a step follows from what is in the checkpoint: a resumed run replays it exactly.
        L.seed_everything(self._seed_of(self.global_rank, self._epoch, 1 + batch_idx), verbose=False)

    @property
    def _epoch(self) -> int:
        """Counted from where the trainings began that this one continues."""
        return self.current_epoch + self.epochs_before

    def _seed_of(self, *moment: int) -> int:
        return int(np.random.SeedSequence([self.seed, *moment]).generate_state(1)[0])

    def teardown(self, stage: str) -> None:
        self.environment.close()
