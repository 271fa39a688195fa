"""Many soups in one forward pass: every row of a batch under its own λ, as if played by the model merged at that λ.

Soups share most of their work. Whole experts: the weights merged at each distinct λ are stacked, and one batched
product serves them all. LoRA experts: the base product is common to all rows, and as the merged update is linear in λ,

    y_b = W x_b + Σ_e λ_be s_e B_e A_e x_b = W x_b + [B_1 ... B_E] (λ_b s ⊙ [A_1; ...; A_E] x_b),

each row weighs the low-rank outputs by its own λ: two thin products, however many λ. This is the average of the updates
B A, the soup of Ramé et al. 2023 (section 2.2), and not the product of averaged factors.

Notation: B rows of coefficients, E experts, M distinct λ, N = K B rows of the batch, R sum of the experts' ranks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F
from torch.utils._pytree import tree_map

from rsoup_lightning.errors import CoefficientError, ConfigError, MergeError, UnknownNameError
from rsoup_lightning.merging.check import check_layout, check_match
from rsoup_lightning.merging.in_memory import linear
from rsoup_lightning.optional import need
from rsoup_lightning.simplex import check_coefficients


def together(model: nn.Module, experts: Sequence[Mapping[str, Tensor]] | Sequence[str]) -> Together:
    """Prepare ``model`` to play the soups of ``experts`` side by side.

    Args:
        model: for whole experts, any module whose state dict they fit; for LoRA, one that holds their adapters, as a
            ``PeftModel`` does.
        experts: E state dicts, or E names of LoRA adapters on linear layers.

    Raises:
        MergeError: experts that fit neither each other nor the model; adapters of another kind, or folded in.
        UnknownNameError: an adapter that the model does not hold.
        ConfigError: adapters are named, but PEFT is not installed.

    >>> model = nn.Linear(1, 1, bias=False).eval()
    >>> soups = together(model, [{"weight": torch.zeros(1, 1)}, {"weight": torch.ones(1, 1)}])
    >>> with soups.at(torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])) as every:
    ...     every(torch.full((3, 1), 8.0)).flatten().tolist()
    [0.0, 4.0, 8.0]
    """
    if experts and isinstance(experts[0], str):
        return _TogetherLoRA(model, cast(Sequence[str], experts))
    return _TogetherWhole(model, cast(Sequence[Mapping[str, Tensor]], experts))


def together_updates(model: nn.Module, experts: Sequence[Mapping[str, Tensor]], adapter: str) -> Together:
    """As :func:`together`, for LoRA experts that are given as weights and that ``model`` does not hold.

    Args:
        model: a ``PeftModel`` with an adapter that they are values of.
        experts: E mappings from the names of its parameters in ``model`` to tensors.
        adapter: its name.

    Raises:
        MergeError: experts that fit neither each other nor the adapter, or one of another kind.
    """
    check_match(experts)
    updates = {name: tensor for name, tensor in model.state_dict().items() if name in experts[0]}
    check_layout([experts[0], updates], ["expert 0", "the model"])
    return _TogetherLoRA(model, [adapter] * len(experts), experts)


class Together(ABC):
    """A model that gives each row of its batch its own λ; made by :func:`together`."""

    def __init__(self, model: nn.Module, experts: int) -> None:
        self._model, self._experts = model, experts

    @contextmanager
    def at(self, coefficients: Tensor) -> Iterator[nn.Module]:
        """Within the block, the module yielded plays row b at ``coefficients[b]``, without gradient.

        Whole experts are read on entry, LoRA experts when they are prepared. Rows are those of the batch, in its order;
        a batch of N = K B rows, as when a model samples K completions of each prompt, gives each λ to K rows in
        sequence. The module yielded is

        - for LoRA the model itself, methods such as ``generate`` included. Each adapted layer must see the N rows first
          and in order, flattened with the steps or not. Disabled adapters stay so;
        - for whole experts a function of tensors ``[N, ...]`` that gives tensors ``[N, ...]`` in any container.

        Args:
            coefficients: ``[B, E]``, every row on the simplex, equal rows in any order.

        Raises:
            CoefficientError: λ off the simplex, or (on use) N is no multiple of B.
            ConfigError: the model is in training mode, where rows depend on chance and on each other.
        """
        if coefficients.dim() != 2 or not len(coefficients):
            raise CoefficientError(f"coefficients must be [rows, experts], got {list(coefficients.shape)}")
        if any(module.training for module in self._model.modules()):
            raise ConfigError("the model is in training mode: call its eval() before playing soups side by side")
        distinct, groups = torch.unique(coefficients.detach().cpu().double(), dim=0, return_inverse=True)
        for point in distinct.tolist():
            check_coefficients(point, self._experts)
        with torch.no_grad(), self._playing(distinct, groups) as module:
            yield module

    @abstractmethod
    @contextmanager
    def _playing(self, distinct: Tensor, groups: Tensor) -> Iterator[nn.Module]:
        """:meth:`at` for the λ ``distinct [M, E]``, of which row b has number ``groups[b]``."""


class _TogetherWhole(Together):
    """Experts given as state dicts."""

    def __init__(self, model: nn.Module, experts: Sequence[Mapping[str, Tensor]]) -> None:
        super().__init__(model, len(experts))
        check_match(experts)
        check_layout([model.state_dict(), experts[0]], ["the model", "expert 0"])
        self._weights = experts

    @contextmanager
    def _playing(self, distinct: Tensor, groups: Tensor) -> Iterator[nn.Module]:
        own = self._model.state_dict()
        experts = [{key: expert[key].to(own[key].device) for key in own} for expert in self._weights]
        soups = [linear(experts, point) for point in distinct.tolist()]
        varying = {key for key in own if own[key].is_floating_point()}
        stacked = {key: torch.stack([soup[key] for soup in soups]) for key in varying}
        shared = {key: soups[0][key] for key in own.keys() - varying}
        yield _Stacked(self._model, stacked, shared, groups)


class _Stacked(nn.Module):
    """M members that differ in the tensors ``stacked [M, ...]`` only, row b played by member ``groups[b]``."""

    def __init__(self, model: nn.Module, stacked: dict[str, Tensor], shared: dict[str, Tensor], groups: Tensor) -> None:
        super().__init__()
        self._model, self._stacked, self._shared = model, stacked, shared
        self._rows, self._slots = _arrange(groups)

    def forward(self, *args: Tensor, **kwargs: Tensor) -> Any:
        inputs = (*args, *kwargs.values())
        if len({len(tensor) for tensor in inputs}) != 1:
            raise ConfigError(f"every input must have the batch's rows, got {[list(each.shape) for each in inputs]}")
        repeats = _repeats(len(inputs[0]), len(self._slots))
        rows, slots = self._rows.to(inputs[0].device), self._slots.to(inputs[0].device)

        def gather(tensor: Tensor) -> Tensor:
            """``[N, ...]`` to ``[M, width K, ...]``."""
            return tensor.unflatten(0, (-1, repeats))[rows].flatten(1, 2)

        def scatter(tensor: Tensor) -> Tensor:
            """``[M, width K, ...]`` to ``[N, ...]``."""
            return tensor.unflatten(1, (-1, repeats)).flatten(0, 1)[slots].flatten(0, 1)

        def play(weights: dict[str, Tensor], *tensors: Tensor) -> Any:
            named = dict(zip(kwargs, tensors[len(args) :], strict=True))
            # Each key has its own tensor here, also where the model ties two of them.
            return functional_call(self._model, (weights, self._shared), tensors[: len(args)], named, tie_weights=False)

        return tree_map(scatter, vmap(play)(self._stacked, *map(gather, inputs)))


def _arrange(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Rows as a table with one line per member, lines filled up with row 0: ``rows [M, width]``, ``slots [B]``.

    Row b stands at place ``slots[b]`` of the flattened table; ``groups [B]`` uses each of 0 ... M - 1.

    >>> rows, slots = _arrange(torch.tensor([1, 0, 1]))
    >>> rows.tolist(), slots.tolist()
    ([[1, 0], [0, 2]], [2, 0, 3])
    """
    counts, order = groups.bincount(), groups.argsort(stable=True)
    width, first = int(counts.max()), counts.cumsum(0) - counts
    slots = torch.empty_like(groups)
    slots[order] = groups[order] * width + torch.arange(len(groups)) - first[groups[order]]
    rows = groups.new_zeros(len(counts) * width)
    rows[slots] = torch.arange(len(groups))
    return rows.view(len(counts), width), slots


class _TogetherLoRA(Together):
    """Experts given as names of adapters that the model holds, or as ``values`` of their parameters."""

    def __init__(
        self, model: nn.Module, adapters: Sequence[str], values: Sequence[Mapping[str, Tensor]] | None = None
    ) -> None:
        super().__init__(model, len(adapters))
        self._stacks = [_Stack(name, layer, adapters, values) for name, layer in _lora_layers(model, adapters)]

    @contextmanager
    def _playing(self, distinct: Tensor, groups: Tensor) -> Iterator[nn.Module]:
        before = [(stack.layer, vars(stack.layer).get("forward")) for stack in self._stacks]
        scales = {parts: _scales(parts, distinct[groups]) for parts in {stack.parts for stack in self._stacks}}
        try:
            for stack in self._stacks:
                vars(stack.layer)["forward"] = stack.mixture(scales[stack.parts])
            yield self._model
        finally:
            for layer, forward in before:
                if forward is None:
                    vars(layer).pop("forward", None)
                else:
                    vars(layer)["forward"] = forward


Parts = tuple[tuple[int, int, float], ...]
"""Number, rank and scaling s of each expert that adapts a layer."""


class _Stack:
    """The experts' factors of one LoRA layer, one after another; experts that do not adapt it add nothing."""

    def __init__(
        self, name: str, layer: Any, adapters: Sequence[str], values: Sequence[Mapping[str, Tensor]] | None
    ) -> None:
        self.layer = layer
        here = [(number, adapter) for number, adapter in enumerate(adapters) if adapter in layer.lora_A]

        def factors(half: str) -> list[Tensor]:
            own = [getattr(layer, half)[adapter].weight.detach() for _, adapter in here]
            if values is None:
                return own
            return [values[e][f"{name}.{half}.{a}.weight"].to(w) for (e, a), w in zip(here, own, strict=True)]

        downs, ups = factors("lora_A"), factors("lora_B")
        ranked = zip(here, downs, strict=True)
        self.parts: Parts = tuple((e, len(down), float(layer.scaling[adapter])) for (e, adapter), down in ranked)
        if here:
            self._down = torch.cat(downs)  # [R, inputs]
            self._up = torch.cat(ups, dim=1)  # [outputs, R]

    def mixture(self, scales: Tensor) -> Callable[[Tensor], Tensor]:
        """The layer's forward with row b's hidden outputs weighed by ``scales [B, R]``."""
        layer = self.layer
        if not self.parts:
            return layer.base_layer
        down, up, weights = self._down, self._up, scales.to(self._down.device)

        def forward(inputs: Tensor) -> Tensor:
            output = layer.base_layer(inputs)
            if layer.disable_adapters:
                return output
            each = weights.repeat_interleave(_repeats(len(inputs), len(weights)), dim=0)
            # In place: without gradient nobody else needs these, and PyTorch adds in the wider of the two dtypes.
            hidden = F.linear(inputs.to(down.dtype), down).mul_(each.view(len(inputs), *[1] * (inputs.dim() - 2), -1))
            return output.add_(F.linear(hidden.to(up.dtype), up))

        return forward


def _scales(parts: Parts, coefficients: Tensor) -> Tensor:
    """``[B, R]`` λ s of each rank, at ``coefficients [B, E]``."""
    if not parts:
        return coefficients[:, :0]
    each = [(coefficients[:, [expert]] * scaling).expand(-1, rank) for expert, rank, scaling in parts]
    return torch.cat(each, dim=1).float()


def _lora_layers(model: nn.Module, adapters: Sequence[str]) -> list[tuple[str, Any]]:
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
        for adapter in adapters:
            if adapter in layer.lora_variant:
                kind = type(layer.lora_variant[adapter]).__name__
                raise MergeError(f"adapter {adapter!r} is no plain LoRA but {kind} at {name!r}; {_CURE}")
            if layer.lora_bias.get(adapter):
                raise MergeError(f"adapter {adapter!r} has a bias at {name!r}; {_CURE}")
        layers.append((name, layer))
    held = {name for _, layer in layers for name in layer.lora_A}
    for adapter in adapters:
        if adapter not in held:
            raise UnknownNameError("adapter", adapter, held)
    return layers


_CURE = "fold each adapter into whole weights and merge those"


def _repeats(rows: int, points: int) -> int:
    """K, how many rows of the batch share one row of coefficients."""
    if rows % points or not rows:
        raise CoefficientError(f"{points} rows of coefficients for {rows} rows of the batch, which is no multiple")
    return rows // points
