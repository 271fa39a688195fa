"""Merging experts that people already have, on disk, without training: what ``rsoup merge`` does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from rsoup_lightning.errors import CoefficientError, ConfigError, MergeError, check_name
from rsoup_lightning.files import user_path
from rsoup_lightning.hub import local_folder
from rsoup_lightning.merging import methods
from rsoup_lightning.merging.adapters.formats import adapter_at, is_adapter
from rsoup_lightning.merging.adapters.lora_file import CURE
from rsoup_lightning.merging.adapters.write_adapter import write_adapter_soup, write_folded
from rsoup_lightning.merging.disk.stored_expert import StoredExpert, check_stored, open_expert
from rsoup_lightning.merging.disk.trainer_folder import check_trained
from rsoup_lightning.merging.engine import MergePlan, check_groups
from rsoup_lightning.merging.kinds.one_kind import check_adapter_tokens, of_one_kind
from rsoup_lightning.merging.lora import LayerReport
from rsoup_lightning.merging.sweep import Sweep, progress_bar, sweep
from rsoup_lightning.merging.write import check_space, weight_bytes, write_merged
from rsoup_lightning.simplex import Coefficients, check_coefficients

LoRAMode = Literal["exact", "factor", "dense"]
Dtype = Literal["float64", "float32", "float16", "bfloat16"]


def merge(
    experts: Sequence[str | Path],
    output: str | Path,
    coefficients: Sequence[float] | None = None,
    grid: int | None = None,
    *,
    extrapolate: bool = False,
    overwrite: bool = False,
    **options: Any,
) -> dict[Path, list[LayerReport]]:
    """Merge experts on disk: adapters of PEFT, diffusers or Kohya into an adapter, all else into a model.

    Args:
        experts: where they are, at least one: paths, or names of folders on the hub.
        output: what to write: a folder, or a file of their kind; with a grid, the folder of one merge per λ.
        coefficients: λ, one per expert, summing to one.
        grid: write a whole sweep with this many values of λ per edge of the simplex instead.
        extrapolate: allow λ off the simplex.
        overwrite: replace an existing output.
        **options: those of :func:`merge_models`, or for adapters those of :func:`merge_adapters`.

    Returns:
        What was written, one entry per λ, with what merging did to each adapted module where an adapter was written.

    Raises:
        RSoupError: whatever is wrong with what was asked, the experts or the output; nothing is then left behind.
    """
    methods.method(options.get("method", "linear"))  # what it needs of all else is asked only of one that is there
    places = [str(local_folder(path)) for path in experts]
    options |= {name: str(local_folder(options[name])) for name in ("init", "base") if options.get(name)}
    for place in [*places, *(options[name] for name in ("init", "base") if options.get(name))]:
        if not Path(place).exists():
            raise ConfigError(f"{place} does not exist")
    for place in places:
        check_trained(Path(place))
    adapters = [is_adapter(Path(place)) for place in places]
    if any(adapters) and not all(adapters):
        odd = places[adapters.index(False)]
        raise ConfigError(f"{odd} is not an adapter, others are: fold each of these with --lora dense first")
    for name in options:
        if name in (OF_MODELS if all(adapters) else OF_ADAPTERS) or (all(adapters) and name in methods.settings()):
            kind, others = ("models", "adapters") if all(adapters) else ("adapters", "models")
            cure = ": fold each with --lora dense, then merge the models" if all(adapters) else ""
            raise ConfigError(f"--{name} is for {kind}, and these experts are {others}{cure}")
    wanted = sweep(places, user_path(str(output)), coefficients, grid, extrapolate=extrapolate, overwrite=overwrite)
    if all(adapters):
        return merge_adapters(wanted, **options)
    merge_models(wanted, **options)
    return {target: [] for target in wanted.targets}


def merge_models(
    wanted: Sweep,
    *,
    method: str = "linear",
    init: str | None = None,
    groups: dict[str, list[float]] | None = None,
    device: str = "cpu",
    dtype: Dtype | None = None,
    **options: Any,
) -> None:
    """Merge whole models; see :func:`merge`.

    Args:
        wanted: what to merge and where to write it.
        method: how: the name of a registered method; adapters are averaged.
        init: the experts' common ancestor, for methods on task vectors: all but linear.
        groups: λ of their own for tensors by regular expression over their names.
        device: where to compute.
        dtype: of the floating tensors that are written; without one it is the experts', which must then be the same.
        **options: settings of the method.
    """
    if dtype is not None:
        check_name("dtype", dtype, get_args(Dtype))
    chosen = methods.method(method, options)
    if chosen.needs_init and init is None:
        raise ConfigError(
            f"the method {method!r} works on task vectors, expert minus init: name the experts' common "
            "ancestor with --init (only linear can do without)"
        )
    if init and not chosen.needs_init:
        raise ConfigError(f"the method {method!r} takes no --init: leave it out")
    experts, more = wanted.experts, [init] if init else []
    by_pattern = {
        pattern: _of_group(pattern, weights, len(experts), extrapolate=wanted.extrapolate)
        for pattern, weights in (groups or {}).items()
    }
    shared: dict[str, Any] = {"method": method, "options": {**methods.METHODS[method].settings, **options}}
    shared |= {"init": init, "groups": {pattern: list(weights) for pattern, weights in by_pattern.items()}}
    shared |= {"dtype": dtype} if dtype else {}
    kind: torch.dtype | None = getattr(torch, dtype) if dtype else None
    with ExitStack() as stack:
        stored = {path: _open(stack, path) for path in dict.fromkeys([*experts, *more])}
        named = of_one_kind(stored)
        check_stored(named, any_floating=kind is not None)
        shared |= {"tokens": "matched by name"} if named[experts[0]] is not stored[experts[0]] else {}
        opened, ancestor = [named[path] for path in experts], named[init] if init else None
        total = len(wanted.targets) * weight_bytes(opened[0], kind)
        check_space(wanted.output, total)
        advance = stack.enter_context(progress_bar(total))
        plan = MergePlan(chosen, next(iter(wanted.targets.values())), by_pattern, _device(device), experts, kind)
        check_groups(plan, list(opened[0].tensors))
        for target, point in stack.enter_context(wanted.writing(*more)).items():
            about, now = wanted.provenance(point, **shared), replace(plan, coefficients=point)
            write_merged(target, now, opened, ancestor, provenance=about, overwrite=wanted.overwrite, advance=advance)


def merge_adapters(
    wanted: Sweep, *, lora: LoRAMode = "exact", rank: int | None = None, base: str | None = None
) -> dict[Path, list[LayerReport]]:
    """Merge LoRA adapters, in PEFT's folders or in files of diffusers or Kohya; see :func:`merge`.

    Args:
        wanted: what to merge and where to write it.
        lora: of adapters: exact concatenates ranks, which averages the updates ΔW; factor averages A and B, as the
            paper did; dense folds the averaged updates into the base model.
        rank: of adapters: the most ranks a module may keep, by truncated SVD.
        base: of adapters: the base model's folder, for dense.
    """
    check_name("mode of LoRA", lora, get_args(LoRAMode))
    if (lora == "dense") != (base is not None):
        raise ConfigError("--lora dense and --base FOLDER, the model to fold into, go together")
    if lora == "dense" and rank is not None:
        raise ConfigError("--rank is of an adapter, and --lora dense writes a whole model: leave it out")
    adapters = {Path(path): adapter_at(Path(path)) for path in wanted.experts}
    for path, adapter in adapters.items():
        if base is not None and adapter.style != "PEFT":
            raise MergeError(f"--lora dense folds folders of PEFT, and {path} is as {adapter.style} writes it: {CURE}")
    reports: dict[Path, list[LayerReport]] = {}
    with ExitStack() as stack:
        whole = _open(stack, base) if base else None
        check_adapter_tokens([path for path in adapters if path.is_dir()], whole)
        size = weight_bytes(whole) if whole else sum(adapter.bytes for adapter in adapters.values())
        advance = stack.enter_context(progress_bar(len(wanted.targets) * size))
        places = stack.enter_context(wanted.writing(*([base] if base else [])))
        for (final, point), target in zip(wanted.targets.items(), places, strict=True):
            common: dict[str, Any] = {
                "provenance": wanted.provenance(point, lora=lora, rank=rank, base=base),
                "extrapolate": wanted.extrapolate,
                "overwrite": wanted.overwrite,
            }
            if whole is not None:
                write_folded(target, whole, adapters, point, **common, advance=advance)
                reports[final] = []
            else:
                assert lora != "dense"
                reports[final] = write_adapter_soup(target, adapters, point, lora, rank, **common)
                advance(size)
    return reports


OF_MODELS, OF_ADAPTERS = (methods.settings_of(function).keys() for function in (merge_models, merge_adapters))
"""Options of the one, which the other does not take."""


def _of_group(pattern: str, coefficients: Sequence[float], experts: int, *, extrapolate: bool) -> Coefficients:
    try:
        return check_coefficients(coefficients, experts, extrapolate=extrapolate)
    except CoefficientError as error:
        raise CoefficientError(f"the group {pattern!r}: {error}") from None


def _device(name: str) -> torch.device:
    try:
        found = torch.empty(1, device=name)
        found.cpu()  # from meta, which holds no numbers, none come
        return found.device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"no device {name!r} here: {str(error).partition(chr(10))[0]}") from None


def _open(stack: ExitStack, path: str) -> StoredExpert:
    check_trained(Path(path))
    expert = open_expert(Path(path))
    stack.callback(expert.close)
    return expert
