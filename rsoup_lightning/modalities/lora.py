"""LoRA by PEFT: adapters to train, and experts side by side in one model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging.per_row import together
from rsoup_lightning.optional import need
from rsoup_lightning.policy import Policy, PolicyOutput, Weights
from rsoup_lightning.rollout import Rollout

ADAPTER = "default"  # PEFT's name of the first adapter: the one that is trained


@dataclass
class LoRA:
    """Low-rank adapters (Hu et al. 2022) by PEFT: what is trained of a model.

    Args:
        rank: of each update.
        alpha: an update counts alpha / rank times.
        dropout: share of an adapter's inputs dropped while training. Sampling never drops any.
        targets: names of the linear layers that get one; null leaves the choice to PEFT, by the model's class.
    """

    rank: int = 16
    alpha: float = 16
    dropout: float = 0.0
    targets: Sequence[str] | None = ("q_proj", "k_proj", "v_proj", "o_proj")


def with_adapter(model: Any, lora: LoRA, task: str | None = "CAUSAL_LM") -> Any:
    """``model`` as a ``PeftModel`` that trains LoRA adapters only.

    Args:
        model: what is adapted.
        lora: how.
        task: PEFT's name of what the model does; None where it has none.

    Raises:
        ConfigError: PEFT is absent, or no layer has one of the wanted names.
    """
    peft = need("peft", "PEFT", "text")
    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets) if lora.targets is not None else None,
        task_type=task,
    )
    try:
        return peft.get_peft_model(model, config)
    except ValueError as error:
        raise ConfigError(f"model.lora does not fit this model: {error}") from error


@contextmanager
def soups_in(model: Any, experts: Sequence[Weights], coefficients: Tensor) -> Iterator[Any]:
    """``model`` with every row of its batch under its own λ, see :mod:`merging.per_row`; as it was after the block.

    Args:
        model: a ``PeftModel`` in evaluation mode.
        experts: E weights, the names as in ``model.state_dict()``.
        coefficients: ``[M, E]`` points λ; a batch comes in M groups of rows, in order.
    """
    names = [f"expert{index}" for index in range(len(experts))]
    try:
        for name, weights in zip(names, experts, strict=True):
            _add_adapter(model, name, weights)
        model.eval()  # new layers come in training mode
        with together(model, names).at(coefficients) as souped:
            yield souped
    finally:
        for name in names:
            if name in model.peft_config:
                model.delete_adapter(name)


@torch.no_grad()
def _add_adapter(model: Any, name: str, weights: Weights) -> None:
    """Put an expert's LoRA tensors into a ``PeftModel`` under a name of their own."""
    model.add_adapter(name, model.peft_config[ADAPTER])
    for key, tensor in weights.items():
        model.get_parameter(key.replace(f".{ADAPTER}.", f".{name}.")).requires_grad_(False).copy_(tensor)


class SoupedPolicy(Policy):
    """Soups of LoRA experts at M λ in one model: rows come in M groups, one per λ, in order.

    Args:
        experts: E weights of one kind of policy.
        coefficients: M points λ, each of E numbers.
        network: what the names of the model's weights begin with there; weights of other names are left out.
    """

    def __init__(self, experts: Sequence[Weights], coefficients: Sequence[Sequence[float]], *, network: str) -> None:
        super().__init__()
        self.members = len(coefficients)
        self._experts = [
            {name.removeprefix(network): w for name, w in expert.items() if name.startswith(network)}
            for expert in experts
        ]
        self._coefficients = torch.tensor(coefficients, dtype=torch.float64)

    def souped(self, model: Any) -> AbstractContextManager[Any]:
        """The model with every row of its batch under its own λ, inside the block; see :func:`soups_in`."""
        return soups_in(model, self._experts, self._coefficients)

    def forward(self, rollout: Rollout) -> PolicyOutput:
        raise TypeError("souped policies are not re-scored: they are for evaluation")
