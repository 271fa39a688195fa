"""Networks of the policies for control: linear layers with a fast tanh between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn


def mlp(sizes: Sequence[int], last_gain: float) -> nn.Sequential:
    """Linear layers with tanh between them, orthogonal weights, zero biases."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), Tanh()]
    linears = [layer for layer in layers if isinstance(layer, nn.Linear)]
    for layer in linears:
        nn.init.orthogonal_(layer.weight, math.sqrt(2) if layer is not linears[-1] else last_gain)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers[:-1])


def mixed_mlp(network: nn.Sequential, experts: Mapping[str, Tensor], inputs: Tensor, coefficients: Tensor) -> Tensor:
    """What a network makes of each row under the linear soup of E experts at the row's own λ.

    As every layer is linear in its weights, Σ_e λ_e (W_e x + b_e) is one product, of [W_1 ... W_E] and λ ⊗ x.

    Args:
        network: as of :func:`mlp`.
        experts: ``[E, ...]`` of each of its parameters, by its name there.
        inputs: ``[N, inputs]``.
        coefficients: ``[N, E]``.
    """
    for name, layer in network.named_children():
        if isinstance(layer, nn.Linear):
            weighed = (coefficients.unsqueeze(2) * inputs.unsqueeze(1)).flatten(1)
            weight = experts[f"{name}.weight"].transpose(1, 2).flatten(0, 1)
            inputs = torch.addmm(coefficients @ experts[f"{name}.bias"], weighed, weight)
        else:
            inputs = layer(inputs)
    return inputs


class Tanh(nn.Module):
    """tanh, whose derivative takes one pass."""

    def forward(self, inputs: Tensor) -> Tensor:
        # Without a gradient the plain operations do, also under vmap, which the custom function does not know.
        return _Tanh.apply(inputs) if torch.is_grad_enabled() else _tanh(inputs)


class _Tanh(torch.autograd.Function):
    """tanh as 2 sigmoid(2x) - 1 in one buffer: equal to float rounding, and on CPUs 4 times faster."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:  # type: ignore[override]
        output = _tanh(inputs)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return torch.ops.aten.tanh_backward(gradient, ctx.saved_tensors[0])


def _tanh(inputs: Tensor) -> Tensor:
    return (inputs * 2).sigmoid_().mul_(2).sub_(1)
