"""LoRA adapters in PEFT's folders (adapter_config.json, adapter_model.safetensors or .bin): read, merge, write.

Neither peft nor transformers is imported: the base model is never built. :mod:`rsoup_lightning.merging.lora` has the
arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from rsoup_lightning.errors import MergeError, WeightsError
from rsoup_lightning.files import write_json
from rsoup_lightning.merging.adapters.peft_config import CONFIG_NAME, adapts, merged_config, plain, read_config, setting
from rsoup_lightning.merging.check import check_match
from rsoup_lightning.merging.disk.io import read_tensors, write_weights
from rsoup_lightning.merging.disk.trainer_folder import check_trained
from rsoup_lightning.merging.factors import FACTOR
from rsoup_lightning.merging.in_memory import linear_tensor
from rsoup_lightning.merging.lora import FOLDABLE, LayerReport, LoRAFactors, Mode, merge_module
from rsoup_lightning.simplex import check_coefficients

WEIGHTS_NAME = "adapter_model.safetensors"
PICKLED_NAME = "adapter_model.bin"  # as PEFT wrote until 2023: read with torch's weights-only unpickler
PREFIX = "base_model.model."  # of every key that PEFT saves
LINEAR = (".lora_A.weight", ".lora_B.weight")
EMBEDDING = (".lora_embedding_A", ".lora_embedding_B")


@dataclass(frozen=True)
class Adapter:
    """An expert as PEFT saves it.

    Attributes:
        config: the content of adapter_config.json.
        modules: the update of each adapted module, by its name in the base model.
        others: what was trained in full (modules_to_save, biases), by PEFT's key without its prefix.
        style: who wrote it: PEFT, or for one file whose names it has, see :mod:`lora_file`.
    """

    config: Mapping[str, Any]
    modules: Mapping[str, LoRAFactors]
    others: Mapping[str, Tensor]
    style: str = "PEFT"

    @property
    def bytes(self) -> int:
        """Of all its tensors."""
        factors = (tensor for item in self.modules.values() for tensor in (item.A, item.B))
        return sum(tensor.nbytes for tensor in (*factors, *self.others.values()))


def read_adapter(folder: Path) -> Adapter:
    """The adapter in ``folder``.

    Raises:
        WeightsError: a file is missing or damaged, or does not hold what the configuration says.
        MergeError: an adapter that is not plain LoRA on an unchanged base, or not finite; names the cure.
        ConfigError: a trainer's folder with checkpoints alone.
    """
    check_trained(folder)
    config = read_config(folder / CONFIG_NAME)
    file = next((folder / name for name in (WEIGHTS_NAME, PICKLED_NAME) if (folder / name).is_file()), None)
    if file is None:
        raise WeightsError(f"no {WEIGHTS_NAME} and no {PICKLED_NAME} in {folder}: save the adapter with PEFT again")
    others: dict[str, Tensor] = {}
    for key, tensor in read_tensors(file).items():
        if not tensor.isfinite().all():
            raise MergeError(f"{key!r} in {file} holds NaN or infinite weights: that training diverged")
        if not key.startswith(PREFIX):
            raise WeightsError(f"{key!r} in {file} does not start with {PREFIX!r}: save it with PEFT's save_pretrained")
        others[key.removeprefix(PREFIX)] = tensor
    modules: dict[str, LoRAFactors] = {}
    for halves in (LINEAR, EMBEDDING):
        for module in sorted({key.removesuffix(half) for key in others for half in halves if key.endswith(half)}):
            for half in halves:
                if module + half not in others:
                    raise WeightsError(f"{file} lacks {PREFIX + module + half!r}, the other half of {module!r}")
            A, B = (others.pop(module + half) for half in halves)
            rank = setting(config, "rank_pattern", module, "r")
            check_factors(A, B, module, file, rank, linear=halves is LINEAR)
            if not adapts(config, module):
                raise WeightsError(f"{file} adapts {module!r}, and {folder / CONFIG_NAME} says that it does not")
            alpha = setting(config, "alpha_pattern", module, "lora_alpha")
            scaling = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
            modules[module] = LoRAFactors(A, B, scaling, embedding=halves is EMBEDDING)
    for key in others:
        if FACTOR.search(key):
            raise MergeError(f"{PREFIX + key!r} in {file} is not part of plain LoRA: fold it with merge_and_unload")
    if not modules:
        raise WeightsError(f"{file} holds no LoRA update: none of its tensors is named *{LINEAR[0]}")
    return Adapter(config, modules, others)


def check_factors(
    A: Tensor, B: Tensor, module: str, file: Path, rank: int | None = None, *, linear: bool = True
) -> None:
    """Require the two factors of an update.

    Args:
        A, B: of LoRA.
        module: whose weight they change.
        file: where they are.
        rank: what they should have; None: any.
        linear: whether they may be of a convolution.

    Raises:
        MergeError: they are not floating numbers.
        WeightsError: their shapes do not fit.
    """
    if A.dtype not in FOLDABLE or B.dtype not in FOLDABLE:
        raise MergeError(f"{module!r} is {A.dtype} and {B.dtype} in {file}: its factors are not floating numbers")
    flat = A.ndim == 2 or (linear and all(side == 1 for side in B.shape[2:]))  # or a convolution
    fitting = A.ndim >= 2 and A.ndim == B.ndim and flat and A.shape[0] == B.shape[1] > 0
    if not fitting or rank not in (None, A.shape[0]):
        wanted = "" if rank is None else f" has rank {rank} by {file.parent / CONFIG_NAME} but"
        raise WeightsError(
            f"{module!r}{wanted} in {file} A is {tuple(A.shape)} and B {tuple(B.shape)}: was it saved in shards, or "
            "for a grouped convolution? Fold it into the base with PEFT's merge_and_unload"
        )


def write_adapter(folder: Path, adapter: Adapter) -> None:
    """Write ``adapter`` so that PEFT's ``PeftModel.from_pretrained`` reads it; the configuration comes last."""
    tensors = {PREFIX + key: tensor for key, tensor in adapter.others.items()}
    for module, item in adapter.modules.items():
        first, second = EMBEDDING if item.embedding else LINEAR
        tensors |= {PREFIX + module + first: item.A, PREFIX + module + second: item.B}
    write_weights(folder / WEIGHTS_NAME, tensors)
    write_json(folder / CONFIG_NAME, adapter.config)


def check_adapters(adapters: Sequence[Adapter], names: Sequence[str] | None = None, mode: Mode = "exact") -> None:
    """Require adapters of one base whose updates fit each other.

    Target modules may differ in mode "exact", where an absent module adds nothing, but not in mode "factor".

    Raises:
        MergeError: names what differs, and between which adapters.
    """
    labels = list(names) if names else [f"adapter {index}" for index in range(len(adapters))]
    for label, adapter in zip(labels, adapters, strict=True):
        if adapter.style != adapters[0].style:
            styles = f"{labels[0]} is an adapter as {adapters[0].style} writes it, {label} as {adapter.style}"
            raise MergeError(f"{styles}: save both in one way, as with diffusers' save_lora_weights")
    check_match([adapter.others for adapter in adapters], labels)
    owners: dict[str, tuple[str, LoRAFactors]] = {}
    for label, adapter in zip(labels, adapters, strict=True):
        for key, default in (("base_model_name_or_path", None), ("revision", "main")):
            ours, theirs = (plain(one.config.get(key)) or default for one in (adapters[0], adapter))
            if ours != theirs:
                raise MergeError(
                    f"{key} is {ours!r} in {labels[0]} but {theirs!r} in {label}: experts must share their base model "
                    f"(where both mean the same one, correct {CONFIG_NAME})"
                )
        for module, item in adapter.modules.items():
            owner, twin = owners.setdefault(module, (label, item))
            if item.layout != twin.layout:
                layouts = f"{twin.layout} in {owner} but {item.layout} in {label}"
                raise MergeError(f"the update of {module!r} is {layouts}: experts must adapt the same weight")
    for label, adapter in zip(labels, adapters, strict=True):
        if mode == "factor" and (absent := sorted(owners.keys() - adapter.modules.keys())):
            cure = "use the mode 'exact' (--lora exact)"
            raise MergeError(f"{label} does not adapt {absent[0]!r}: factors cannot be averaged; {cure}")


def adapter_soup(
    adapters: Sequence[Adapter],
    coefficients: Sequence[float],
    mode: Mode = "exact",
    rank: int | None = None,
    names: Sequence[str] | None = None,
    *,
    extrapolate: bool = False,
) -> tuple[Adapter, list[LayerReport]]:
    """The soup as one adapter of scaling 1, and what merging did to each module. A one-hot λ is that expert itself.

    All updates get the largest merged rank, zero-padded, so that the configuration needs no pattern.

    Args:
        adapters: E experts of one base model.
        coefficients: λ, one per expert, on the simplex.
        mode: "exact" concatenates ranks, which averages ΔW; "factor" averages A and B, as the paper did.
        rank: the most ranks a module may keep, by truncated SVD; None keeps all.
        names: what to call the experts in errors.
        extrapolate: allow any λ.

    Raises:
        CoefficientError: λ off the simplex.
        MergeError: experts that do not fit each other, or a rank below one.
    """
    weights = check_coefficients(coefficients, len(adapters), extrapolate=extrapolate)
    check_adapters(adapters, names, mode)
    pairs = list(zip(adapters, weights, strict=True))
    used = [(adapter, weight) for adapter, weight in pairs if weight != 0] or pairs[:1]
    first, weight = used[0]
    if len(used) == 1 and weight == 1 and all(rank is None or item.rank <= rank for item in first.modules.values()):
        return first, [LayerReport(module, item.rank, 0.0, 0.0) for module, item in sorted(first.modules.items())]
    shares = [share for _, share in used]
    merged = [
        merge_module(module, [adapter.modules.get(module) for adapter, _ in used], shares, mode, rank)
        for module in sorted({module for adapter, _ in used for module in adapter.modules})
    ]
    widest = max(item.rank for item, _ in merged)
    modules = {report.module: item.padded(widest) for item, report in merged}
    others = {
        key: linear_tensor([adapter.others[key] for adapter in adapters], weights, key, names) for key in first.others
    }
    config = merged_config([adapter.config for adapter, _ in used], list(modules), widest)
    return replace(first, config=config, modules=modules, others=others), [report for _, report in merged]
