"""Experts read as weights of a policy, those too that PEFT wrote: a policy's LoRA layers have the same two factors."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging.adapters.adapter import PREFIX, Adapter, check_adapters
from rsoup_lightning.merging.adapters.formats import adapter_at, is_adapter
from rsoup_lightning.merging.adapters.lora_file import of_network
from rsoup_lightning.merging.check import check_layout
from rsoup_lightning.merging.disk.io import FILE_NAME, read_weights
from rsoup_lightning.merging.kinds.one_kind import check_adapter_tokens

# A LoRA parameter in a policy: its layer in all of the policy and in what PEFT wraps, its half, its adapter's name.
PARAMETER = re.compile(
    rf"(?P<layer>(?P<root>.*?){re.escape(PREFIX)}(?P<module>.+))"
    r"\.lora_(?P<kind>(?:embedding_)?)A\.(?P<adapter>\w+)(?:\.weight)?"
)


def read_experts(
    places: Mapping[str, Path], policy: nn.Module, own: Mapping[str, Tensor]
) -> dict[str, Mapping[str, Tensor]]:
    """The weights of experts, by name, each as ``policy`` loads it.

    An adapter of PEFT, diffusers or Kohya gives the LoRA parameters of the policy, scaled to the policy's α / r and in
    its dtype; what it lacks of ranks and layers adds nothing, and what else the policy trains, as a critic, keeps its
    values.

    Args:
        places: name to a ``.safetensors`` file, a checkpoint, a folder with ``policy.safetensors`` or one that PEFT or
            diffusers wrote.
        policy: what will play them.
        own: the weights of ``policy``, by its names.

    Raises:
        WeightsError: a file that is missing or damaged.
        MergeError: experts that do not fit the policy, adapters that do not fit each other, or weights that are not
            finite.
    """
    adapters = {name: _adapter(name, place) for name, place in places.items() if _is_adapter(place)}
    if adapters:
        check_adapters(list(adapters.values()), list(adapters))
        check_adapter_tokens([places[name] for name in adapters if places[name].is_dir()])
    weights: dict[str, Mapping[str, Tensor]] = {
        name: _fitted(adapters[name], name, policy, own) if name in adapters else read_weights(place)
        for name, place in places.items()
    }
    check_layout([own, *weights.values()], ["the policy of this recipe", *weights])
    _check_finite(weights, {name for name, _ in policy.named_parameters()})
    return weights


def _check_finite(experts: Mapping[str, Mapping[str, Tensor]], parameters: Collection[str]) -> None:
    """Require finite parameters; buffers may hold infinity, as masks do."""
    for label, weights in experts.items():
        for name in weights.keys() & parameters:
            if not weights[name].isfinite().all():
                raise MergeError(f"{name!r} of {label} holds NaN or infinite weights: that training diverged")


def _is_adapter(place: Path) -> bool:
    return is_adapter(place) and not (place / FILE_NAME).is_file()


def _adapter(name: str, place: Path) -> Adapter:
    adapter = adapter_at(place)
    return adapter if adapter.style == "PEFT" else replace(of_network(adapter, name), style="PEFT")


def _fitted(adapter: Adapter, label: str, policy: nn.Module, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An adapter's update as the LoRA parameters of ``policy``."""
    found = [match for match in map(PARAMETER.fullmatch, own) if match]
    if not found:
        raise MergeError(
            f"{label} is a LoRA adapter, and the policy of this recipe trains none: give it lora, or fold the adapter "
            "into its base with rsoup merge --lora dense"
        )
    if strange := sorted(adapter.modules.keys() - {match["module"] for match in found}):
        raise MergeError(f"{label} adapts {strange[0]!r}, and the policy of this recipe does not: see lora.targets")
    _check_others(adapter, label, policy, found[0]["root"] + PREFIX)
    fitted = {name: tensor.detach().clone() for name, tensor in own.items()}
    for match in found:
        first = match[0]
        second = first.replace(f".lora_{match['kind']}A.", f".lora_{match['kind']}B.")
        A, B = fitted[first], fitted[second]
        item = adapter.modules.get(match["module"])
        if item is None:
            fitted[second] = torch.zeros_like(B)
            continue
        if item.rank > len(A):
            raise MergeError(
                f"{label} has rank {item.rank} at {match['module']!r}, the policy of this recipe {len(A)}: set its "
                f"lora.rank to {item.rank}, or reduce the adapter with rsoup merge --rank {len(A)}"
            )
        if (item.A.shape[1:], len(item.B), item.embedding) != (A.shape[1:], len(B), bool(match["kind"])):
            raise MergeError(f"{label} is {item.layout} at {match['module']!r}, which does not fit the policy's layer")
        layer: Any = policy.get_submodule(match["layer"])
        rest = [0, 0] * (B.dim() - 2) + [0, len(A) - item.rank]
        # Rows of A beyond the adapter's rank stay the policy's own: with zeros on both sides they would never learn.
        fitted[first] = torch.cat([item.A.to(A), A[item.rank :]])
        fitted[second] = pad(item.B.to(B) * (item.scaling / layer.scaling[match["adapter"]]), rest)
    return fitted


def _check_others(adapter: Adapter, label: str, policy: nn.Module, prefix: str) -> None:
    """Require that what PEFT saved in full are copies of the base's weights, as of embeddings beside their update."""
    present = policy.state_dict()
    for key, tensor in adapter.others.items():
        same = present.get(prefix + key)
        if same is None or same.shape != tensor.shape or not same.equal(tensor.to(same)):
            raise MergeError(
                f"{label} trained {key!r} in full, and the policy of this recipe trains LoRA only: fold the adapter "
                "into its base with rsoup merge --lora dense"
            )
