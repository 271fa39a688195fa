"""Small models that are pre-trained on the spot, once: where no weights come with a package and none can be fetched."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError

HEAD = 32  # width of an attention head of small models
LINES = 20  # of progress

logger = logging.getLogger(__name__)


@dataclass
class Pretraining:
    """How a small model is pre-trained: AdamW, a warm-up, and a cosine down to zero.

    Args:
        steps: optimiser steps.
        batch_size: examples per step.
        learning_rate: at its highest.
        weight_decay: of AdamW.
        warmup: steps in which the learning rate rises.
        average: decay per step of the running mean of the weights that is kept in the end; 0 keeps the last weights.
        seed: of weights, examples and noise.
    """

    steps: int = 1000
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: int = 50
    average: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size) < 1 or self.learning_rate <= 0 or not 0 <= self.average < 1:
            raise ConfigError(
                "pre-training needs steps and batch_size of at least 1, learning_rate > 0 and 0 <= average < 1"
            )


def pretrain(module: nn.Module, loss: Callable[[Tensor], Tensor], examples: int, plan: Pretraining, name: str) -> None:
    """Minimise ``loss`` over random batches of examples, in place; the log tells how it goes.

    Args:
        module: whose parameters are trained.
        loss: of the examples ``[batch_size]`` of these numbers.
        examples: how many there are.
        plan: how.
        name: of the model, for the log.

    Raises:
        ConfigError: the loss is not finite in the end.
    """
    parameters: list[Tensor] = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, plan.learning_rate, betas=(0.9, 0.98), weight_decay=plan.weight_decay, fused=True
    )
    mean = [parameter.detach().clone() for parameter in parameters] if plan.average else None
    module.train()
    start = time.perf_counter()
    for step in range(plan.steps):
        optimizer.param_groups[0]["lr"] = plan.learning_rate * _schedule(step, plan)
        value = loss(torch.randint(examples, (plan.batch_size,)))
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if mean is not None:
            # Early on a mean over few steps, so that the random start does not stay in it.
            with torch.no_grad():
                torch._foreach_lerp_(mean, parameters, 1 - min(plan.average, (1 + step) / (10 + step)))
        if (step + 1) % max(plan.steps // LINES, 1) == 0:
            left = (time.perf_counter() - start) / (step + 1) * (plan.steps - step - 1)
            done = f"step {step + 1} of {plan.steps}, loss {value.item():.3f}"
            logger.info("%s: %s, about %.0f s left", name, done, left)
    if not value.isfinite():
        raise ConfigError(f"{name}: the loss is {value.item()} in the end: choose a lower learning_rate")
    if mean is not None:
        with torch.no_grad():
            torch._foreach_copy_(parameters, mean)
    module.eval()


def _schedule(step: int, plan: Pretraining) -> float:
    """Share of the highest learning rate at a step."""
    rise = min(1.0, (step + 1) / max(plan.warmup, 1))
    return rise * 0.5 * (1 + math.cos(math.pi * step / plan.steps))
