"""LoRA experts side by side in one model: every row of a batch at a λ of its own, as if merged at that λ.

Soups share most of their work: the base product is common to all rows, and as the merged update is linear in λ,

    y_b = W x_b + s Σ_e λ_be B_e A_e x_b = W x_b + [B_1 ... B_E] (s λ_b ⊙ [A_1; ...; A_E] x_b),

each row weighs the low-rank outputs by its own λ: two thin products, however many λ. This is the average of the updates
B A, the soup of Ramé et al. 2023 (section 2.2), and not the product of averaged factors.

As y_b is differentiable in A and B, experts can also be trained like this, all of them together.

Whole weights are not stacked like this: one product per λ costs as much as playing one λ after another.

Notation: B rows of coefficients, E experts of rank r and scaling s, N = K B rows of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rsoup_lightning.errors import CoefficientError, ConfigError, MergeError, UnknownNameError
from rsoup_lightning.merging.check import check_layout, check_match
from rsoup_lightning.optional import need
from rsoup_lightning.simplex import check_coefficients, rows_per_point

HALVES = ("lora_A", "lora_B")


class LoRAPerRow:
    """A model whose rows each have their own λ over LoRA experts.

    Args:
        model: a ``PeftModel`` with an adapter of which every expert has values.
        experts: E mappings from the names of its parameters in ``model`` to tensors. They are copied side by side once;
            a new λ costs one small tensor.
        adapter: its name.

    Raises:
        MergeError: experts that fit neither each other nor the adapter; one that is not plain LoRA, or folded in.
        UnknownNameError: the model has no such adapter.
        ConfigError: PEFT is not installed.
    """

    def __init__(self, model: nn.Module, experts: Sequence[Mapping[str, Tensor]], adapter: str) -> None:
        check_match(experts)
        layers = _lora_layers(model, adapter)
        asked = {_key(name, half, adapter) for name, layer in layers if adapter in layer.lora_A for half in HALVES}
        updates = {name: tensor for name, tensor in model.state_dict().items() if name in asked | experts[0].keys()}
        check_layout([experts[0], updates], ["expert 0", "the model"])
        self._model, self._experts = model, len(experts)
        self._learns = any(tensor.requires_grad for expert in experts for tensor in expert.values())
        self._layers = [_SideBySide(name, layer, experts, adapter) for name, layer in layers]

    @contextmanager
    def at(self, coefficients: Tensor, *, extrapolate: bool = False) -> Iterator[nn.Module]:
        """Within the block, the model plays row b at ``coefficients[b]``, with gradient to experts that need one; it
        is as before after it.

        Rows are those of the batch, in its order; a batch of N = K B rows, as when a model samples K completions of
        each prompt, gives each λ to K rows in sequence. Each adapted layer must see the N rows first and in order,
        flattened with the steps or not; ``generate`` and the like do. Disabled adapters stay so.

        Args:
            coefficients: ``[B, E]``, every row on the simplex.
            extrapolate: allow any λ.

        Raises:
            CoefficientError: λ off the simplex, or (on use) N is not a multiple of B.
            ConfigError: the model is in training mode, where rows depend on chance and on each other.
        """
        if coefficients.dim() != 2 or not len(coefficients):
            raise CoefficientError(f"coefficients must be [rows, experts], got {list(coefficients.shape)}")
        if self._model.training or any(each.layer.training for each in self._layers):
            raise ConfigError("the model is in training mode: call its eval() before playing soups side by side")
        for point in coefficients.unique(dim=0).tolist():
            check_coefficients(point, self._experts, extrapolate=extrapolate)

        @cache
        def scales(rank: int, scaling: float, device: torch.device) -> Tensor:  # the same in most layers
            return (coefficients.detach().double() * scaling).repeat_interleave(rank, dim=1).to(device, torch.float32)

        before = [(each.layer, vars(each.layer).get("forward")) for each in self._layers]
        try:
            for each in self._layers:
                vars(each.layer)["forward"] = each.mixed(scales)
            with torch.set_grad_enabled(self._learns and torch.is_grad_enabled()):
                yield self._model
        finally:
            for layer, forward in before:
                if forward is None:
                    vars(layer).pop("forward", None)
                else:
                    vars(layer)["forward"] = forward


class _SideBySide:
    """The experts' factors of one LoRA layer, one after another; without any where the adapter leaves the layer out."""

    def __init__(self, name: str, layer: Any, experts: Sequence[Mapping[str, Tensor]], adapter: str) -> None:
        self.layer, self._adapted = layer, adapter in layer.lora_A
        if self._adapted:

            def factors(half: str) -> list[Tensor]:
                own = getattr(layer, half)[adapter].weight
                return [expert[_key(name, half, adapter)].to(own) for expert in experts]

            down, up = map(factors, HALVES)
            self._down = torch.cat(down)  # [E r, inputs]
            self._up = torch.cat(up, dim=1)  # [outputs, E r]
            self._rank = len(self._down) // len(experts)
            self._scaling = float(layer.scaling[adapter])

    def mixed(self, scales: Callable[[int, float, torch.device], Tensor]) -> Callable[[Tensor], Tensor]:
        """The layer's forward with row b's λ as in the b-th row of ``scales(r, scaling, device) [B, E r]``."""
        layer = self.layer
        if not self._adapted:
            return layer.base_layer
        down, up = self._down, self._up
        weights = scales(self._rank, self._scaling, down.device)

        def forward(inputs: Tensor) -> Tensor:
            output = layer.base_layer(inputs)
            if layer.disable_adapters:
                return output
            repeats = rows_per_point(len(inputs), len(weights))
            each = weights if repeats == 1 else weights.repeat_interleave(repeats, dim=0)
            # In place: nobody else needs these, autograd neither, and PyTorch adds in the wider of the two dtypes.
            hidden = F.linear(inputs.to(down.dtype), down).mul_(each.view(len(inputs), *[1] * (inputs.dim() - 2), -1))
            return output.add_(F.linear(hidden.to(up.dtype), up))

        return forward


def _key(layer: str, half: str, adapter: str) -> str:
    """The name in the model of one factor of a LoRA layer."""
    return f"{layer}.{half}.{adapter}.weight"


def _lora_layers(model: nn.Module, adapter: str) -> list[tuple[str, Any]]:
    """The LoRA layers of ``model`` by name, all of them plain and linear, or the reason why they cannot be mixed."""
    linear_layer = need("peft.tuners.lora", "PEFT", "lora").Linear
    adapted = need("peft.tuners.tuners_utils", "PEFT", "lora").BaseTunerLayer
    wrapper = need("peft.utils.other", "PEFT", "lora").AuxiliaryTrainingWrapper
    layers = []
    for name, layer in model.named_modules():
        if not isinstance(layer, adapted | wrapper):
            continue
        if type(layer) is not linear_layer:
            kind = f"{type(layer).__module__}.{type(layer).__name__}"
            raise MergeError(f"{name!r} is a {kind}, and only LoRA on linear layers can be mixed by row; {_CURE}")
        if layer.merged:
            raise MergeError(f"{name!r} has {layer.merged_adapters} folded in: call unmerge_adapter() first")
        if adapter in layer.lora_variant:
            kind = type(layer.lora_variant[adapter]).__name__
            raise MergeError(f"adapter {adapter!r} is not plain LoRA but {kind} at {name!r}; {_CURE}")
        if layer.lora_bias.get(adapter):
            raise MergeError(f"adapter {adapter!r} has a bias at {name!r}; {_CURE}")
        layers.append((name, layer))
    held = {name for _, layer in layers for name in layer.lora_A}
    if adapter not in held:
        raise UnknownNameError("adapter", adapter, held)
    return layers


_CURE = "fold each adapter into whole weights and merge those"
