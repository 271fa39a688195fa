"""LoRA by PEFT: adapters to train, and experts side by side in one model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging.per_row import LoRAPerRow
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
        targets: names of the layers that get one, or ends of names; attention: the linear layers of attention, whatever
            the model calls them, and of a model with a tower for pictures those of the language model only; null leaves
            the choice to PEFT, by the model's class.
    """

    rank: int = 16
    alpha: float = 16
    dropout: float = 0.0
    targets: Literal["attention"] | Sequence[str] | None = "attention"


def with_adapter(model: Any, lora: LoRA, task: str | None = "CAUSAL_LM") -> Any:
    """``model`` as a ``PeftModel`` that trains LoRA adapters only.

    Args:
        model: what is adapted.
        lora: how.
        task: PEFT's name of what the model does; None where it has none.

    Raises:
        ConfigError: PEFT is absent, or the model has no layer of one of the wanted names.
    """
    peft = need("peft", "PEFT", "text")
    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=_targets(model, lora.targets),
        task_type=task,
    )
    try:
        return peft_model(model, config)
    except ValueError as error:
        raise ConfigError(f"model.lora does not fit this model: {error}") from None


def _targets(model: nn.Module, wanted: Literal["attention"] | Sequence[str] | None) -> list[str] | None:
    """What PEFT is told to adapt: each name is of one layer at least, where PEFT asks that any of them is."""
    if wanted is None:
        return None
    names = _attention(model) if wanted == "attention" else list(wanted)
    layers = [f".{name}" for name, _ in model.named_modules()]
    absent = [name for name in names if not any(layer.endswith(f".{name}") for layer in layers)]
    if absent or not names:
        kinds = sorted({name.rpartition(".")[2] for name in _linear_layers(model)})
        lacks = f"has no layer {', '.join(absent)}" if absent else "gets no adapter"
        raise ConfigError(f"model.lora does not fit this model: it {lacks}. Its linear layers are {', '.join(kinds)}")
    return names


def _attention(model: nn.Module) -> list[str]:
    """The linear layers of attention, by the ends of their names where no other layer has the same."""
    from transformers import PreTrainedModel

    decoder = model.get_decoder() if isinstance(model, PreTrainedModel) else model
    wanted = {module for module in decoder.modules() if "Attention" in type(module).__name__}
    blocks = [name for name, module in model.named_modules() if module in wanted]
    linear = _linear_layers(model)
    own = {name: name.removeprefix(f"{block}.") for block in blocks for name in linear if name.startswith(f"{block}.")}
    ends = sorted(set(own.values()))
    matched = {name for name in linear if any(name.endswith(f".{end}") for end in ends)}
    return ends if matched == own.keys() else sorted(own)


def _linear_layers(model: nn.Module) -> list[str]:
    """Names of the layers that PEFT takes for linear."""
    from transformers.pytorch_utils import Conv1D

    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)]


def peft_model(model: Any, config: Any) -> Any:
    """``model`` as the ``PeftModel`` of a configuration, made without the warnings that PEFT's own code causes."""
    import peft

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        return peft.get_peft_model(model, config)


class LoRASoups:
    """LoRA experts of one model, their factors put side by side once: a new λ costs one small tensor.

    Args:
        model: a ``PeftModel``.
        experts: E weights of one kind of policy.
        network: what the names of the model's weights begin with there; weights of other names are left out.
    """

    def __init__(self, model: Any, experts: Sequence[Weights], network: str) -> None:
        own = [
            {name.removeprefix(network): w for name, w in expert.items() if name.startswith(network)}
            for expert in experts
        ]
        self._per_row = LoRAPerRow(model, own, ADAPTER)

    def at(self, coefficients: Sequence[Sequence[float]] | Tensor) -> AbstractContextManager[Any]:
        """The model, which must be in evaluation mode, inside the block: its rows in M groups, one per λ, in order."""
        return self._per_row.at(torch.as_tensor(coefficients, dtype=torch.float64), extrapolate=True)


def check_together(lora: LoRA | None) -> None:
    """Require that adapters can be trained together.

    Raises:
        ConfigError: dropout, which would not be the same for all experts.
    """
    if lora is not None and lora.dropout:
        raise ConfigError(f"lora.dropout is {lora.dropout}: adapters are trained together without dropout, set it to 0")


def learning(model: Any, experts: Weights, network: str, coefficients: Tensor) -> AbstractContextManager[Any]:
    """The model inside the block as :meth:`LoRASoups.at` plays it, with gradient to the experts.

    Args:
        model: a ``PeftModel``, in evaluation mode.
        experts: ``[E, ...]`` of each parameter that is trained.
        network: as of :class:`LoRASoups`.
        coefficients: ``[B, E]`` the rows' λ.
    """
    each = [dict(zip(experts, own, strict=True)) for own in zip(*experts.values(), strict=True)]
    return LoRASoups(model, each, network).at(coefficients)


class Mixable(Protocol):
    """Experts of one model: :class:`LoRASoups`, or an ensemble of them."""

    def at(self, coefficients: Sequence[Sequence[float]]) -> AbstractContextManager[Any]:
        """What takes the place of the model inside the block: its rows in M groups, one per λ, in order."""


class SoupedPolicy(Policy):
    """Experts mixed at M λ in one model: rows come in M groups, one per λ, in order.

    Args:
        soups: the experts.
        coefficients: M points λ, each of E numbers.
    """

    def __init__(self, soups: Mixable, coefficients: Sequence[Sequence[float]]) -> None:
        super().__init__()
        self.members = len(coefficients)
        self._soups, self._coefficients = soups, coefficients

    def souped(self) -> AbstractContextManager[Any]:
        """The model with every row of its batch under its own λ, inside the block; as it was after it."""
        return self._soups.at(self._coefficients)

    def forward(self, rollout: Rollout) -> PolicyOutput:
        raise TypeError("souped policies are not re-scored: they are for evaluation")
