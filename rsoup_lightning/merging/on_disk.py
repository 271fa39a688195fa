"""Merging experts that people already have, on disk, without training: what ``rsoup merge`` does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from rsoup_lightning import __version__
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import atomic_output
from rsoup_lightning.merging.adapters.adapter import read_adapter
from rsoup_lightning.merging.adapters.write_adapter import write_adapter_soup, write_folded
from rsoup_lightning.merging.disk.stored_expert import StoredExpert, check_stored, open_expert
from rsoup_lightning.merging.engine import Plan, check_groups
from rsoup_lightning.merging.kinds.one_kind import check_adapter_tokens, of_one_kind
from rsoup_lightning.merging.lora import LayerReport
from rsoup_lightning.merging.methods import METHODS, method
from rsoup_lightning.merging.write import check_output, check_space, weight_bytes, write_merged
from rsoup_lightning.simplex import Coefficients, check_coefficients, grid

LoRAMode = Literal["exact", "factor", "dense"]
Dtype = Literal["float64", "float32", "float16", "bfloat16"]


def merge(
    experts: list[str],
    output: str,
    coefficients: list[float] | None = None,
    grid_steps: int | None = None,
    method_name: str = "linear",
    init: str | None = None,
    groups: dict[str, list[float]] | None = None,
    extrapolate: bool = False,
    device: str = "cpu",
    dtype: Dtype | None = None,
    overwrite: bool = False,
    **options: Any,
) -> list[Path]:
    """Merge models on disk.

    Args:
        experts: where they are, at least one.
        output: what to write; with a grid, the folder of one merge per λ.
        coefficients: λ, one per expert.
        grid_steps: write a whole sweep with this many values of λ per edge of the simplex instead.
        method_name: one of ``merging.methods.METHODS``.
        init: the shared initialisation, for methods on task vectors.
        groups: regular expressions over tensor names, and the λ of the tensors they match.
        extrapolate: allow λ off the simplex.
        device: where to compute.
        dtype: of the floating tensors that are written; without one it is the experts', which must then be the same.
        overwrite: replace an existing output.
        **options: settings of the method.

    Returns:
        What was written, one entry per λ.

    Raises:
        RSoupError: whatever is wrong with what was asked, the experts or the output; nothing is then left behind.
    """
    chosen = method(method_name, options)
    if chosen.needs_init and init is None:
        raise ConfigError(
            f"the method {method_name!r} works on task vectors, expert minus init: name the experts' common "
            "ancestor with --init (only linear can do without)"
        )
    if init and not chosen.needs_init:
        raise ConfigError(f"the method {method_name!r} takes no --init: leave it out")
    targets = _targets(output, experts, coefficients, grid_steps, extrapolate)
    by_pattern = {
        name: check_coefficients(weights, len(experts), extrapolate=extrapolate)
        for name, weights in (groups or {}).items()
    }
    shared: dict[str, Any] = {"method": method_name, "options": {**METHODS[method_name].options, **options}}
    shared |= {"init": init, "groups": {pattern: list(weights) for pattern, weights in by_pattern.items()}}
    shared |= {"dtype": dtype} if dtype else {}
    wanted: torch.dtype | None = getattr(torch, dtype) if dtype else None
    with ExitStack() as stack:
        stored = {path: _open(stack, path) for path in dict.fromkeys([*experts, *([init] if init else [])])}
        named = of_one_kind(stored)
        check_stored(named, any_floating=wanted is not None)
        shared |= {"tokens": "matched by name"} if named[experts[0]] is not stored[experts[0]] else {}
        opened, ancestor = [named[path] for path in experts], named[init] if init else None
        total = len(targets) * weight_bytes(opened[0], wanted)
        check_space(Path(output), total)
        advance = stack.enter_context(_progress(total))
        plan = Plan(chosen, next(iter(targets.values())), by_pattern, _device(device), experts, wanted)
        check_groups(plan, list(opened[0].tensors))
        sources = [*experts, *([init] if init else [])]
        for target, point in stack.enter_context(_whole(output, targets, sources, overwrite)).items():
            about = _provenance(experts, point, **shared)
            now = replace(plan, coefficients=point)
            write_merged(target, now, opened, ancestor, provenance=about, overwrite=overwrite, advance=advance)
    return list(targets)


def merge_adapters(
    experts: list[str],
    output: str,
    coefficients: list[float] | None = None,
    grid_steps: int | None = None,
    lora: LoRAMode = "exact",
    rank: int | None = None,
    base: str | None = None,
    extrapolate: bool = False,
    overwrite: bool = False,
) -> dict[Path, list[LayerReport]]:
    """Merge LoRA adapters in PEFT's folders.

    Args:
        experts: where they are, at least one.
        output: what to write; with a grid, the folder of one merge per λ.
        coefficients: λ, one per expert.
        grid_steps: write a whole sweep with this many values of λ per edge of the simplex instead.
        lora: exact concatenates ranks, which averages the updates ΔW; factor averages A and B, as the paper did;
            dense folds the averaged updates into the base model.
        rank: the most ranks a module may keep, by truncated SVD.
        base: the base model's folder, for dense.
        extrapolate: allow λ off the simplex.
        overwrite: replace an existing output.

    Returns:
        What was written, one entry per λ, with what merging did to each adapted module (nothing for dense).

    Raises:
        RSoupError: whatever is wrong with what was asked, the experts or the output; nothing is then left behind.
    """
    if (lora == "dense") != (base is not None):
        raise ConfigError("--lora dense and --base FOLDER, the model to fold into, go together")
    if lora == "dense" and rank is not None:
        raise ConfigError("--rank is of an adapter, and --lora dense writes a whole model: leave it out")
    targets = _targets(output, experts, coefficients, grid_steps, extrapolate)
    adapters = {Path(path): read_adapter(Path(path)) for path in experts}
    reports: dict[Path, list[LayerReport]] = {}
    with ExitStack() as stack:
        whole = _open(stack, base) if base else None
        check_adapter_tokens(list(adapters), whole)
        size = weight_bytes(whole) if whole else sum(adapter.bytes for adapter in adapters.values())
        advance = stack.enter_context(_progress(len(targets) * size))
        sources = [*experts, *([base] if base else [])]
        places = stack.enter_context(_whole(output, targets, sources, overwrite))
        for (final, point), target in zip(targets.items(), places, strict=True):
            about = _provenance(experts, point, lora=lora, rank=rank, base=base)
            common: dict[str, Any] = {"provenance": about, "extrapolate": extrapolate, "overwrite": overwrite}
            if whole is not None:
                write_folded(target, whole, adapters, point, **common, advance=advance)
                reports[final] = []
            else:
                assert lora != "dense"
                reports[final] = write_adapter_soup(target, adapters, point, lora, rank, **common)
                advance(size)
    return reports


def label(point: Sequence[float]) -> str:
    """A folder's name for λ.

    >>> label((0.3, 0.7))
    '0.3-0.7'
    """
    return "-".join(f"{weight:.6g}" for weight in point)


def _targets(
    output: str, experts: Sequence[str], coefficients: list[float] | None, grid_steps: int | None, extrapolate: bool
) -> dict[Path, Coefficients]:
    """What to write, and its λ."""
    resolved = [Path(path).resolve() for path in experts]
    for path in experts:
        if resolved.count(Path(path).resolve()) > 1:
            raise ConfigError(f"the expert {path} is named twice: give it the sum of both coefficients")
    count = len(experts)
    if (coefficients is None) == (grid_steps is None):
        raise ConfigError("give either --coefficients, one per expert, or --grid, how many values of λ")
    if grid_steps is None:
        return {Path(output): check_coefficients(coefficients or [], count, extrapolate=extrapolate)}
    return {Path(output) / label(point): point for point in grid(count, grid_steps)}


@contextmanager
def _whole(
    output: str, targets: dict[Path, Coefficients], sources: Sequence[str], overwrite: bool
) -> Iterator[dict[Path, Coefficients]]:
    """Where to write ``targets`` so that a sweep too appears as a whole or not at all."""
    if set(targets) == {Path(output)}:
        yield targets
        return
    check_output(Path(output), [Path(source) for source in sources])
    with atomic_output(Path(output), overwrite=overwrite) as temporary:
        temporary.mkdir()
        yield {temporary / target.name: point for target, point in targets.items()}


def _device(name: str) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"no device {name!r} here: {str(error).partition(chr(10))[0]}") from error


def _provenance(experts: Sequence[str], point: Coefficients, **more: Any) -> dict[str, Any]:
    return {"rsoup_lightning": __version__, "coefficients": dict(zip(experts, point, strict=True)), **more}


def _open(stack: ExitStack, path: str) -> StoredExpert:
    expert = open_expert(Path(path))
    stack.callback(expert.close)
    return expert


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar in bytes; gives the function that moves it."""
    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(
        "{task.description}", *columns, transient=True, disable=not sys.stderr.isatty(), console=Console(stderr=True)
    ) as bars:
        task = bars.add_task("merging", total=total)
        yield lambda done: bars.advance(task, done)
