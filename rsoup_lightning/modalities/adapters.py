"""LoRA experts side by side in one model of PEFT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning.merging.together import together
from rsoup_lightning.policy import Weights

ADAPTER = "default"  # PEFT's name of the first adapter: the one that is trained


@contextmanager
def soups_in(model: Any, experts: Sequence[Weights], coefficients: Tensor) -> Iterator[Any]:
    """``model`` with every row of its batch under its own λ, see :mod:`merging.together`; as it was after the block.

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
