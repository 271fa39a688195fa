"""``rsoup merge``: experts that people already have, merged without training."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from jsonargparse import ArgumentParser, DefaultHelpFormatter
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from rsoup_lightning import __version__
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging.engine import Plan, check_groups
from rsoup_lightning.merging.methods import METHODS, method
from rsoup_lightning.merging.stored import StoredExpert, check_stored, open_expert
from rsoup_lightning.merging.write import weight_bytes, write_merged
from rsoup_lightning.simplex import Coefficients, check_coefficients, grid

DESCRIPTION = """Merge experts without training: their weights, interpolated.

An expert is a .safetensors file, a Lightning .ckpt, a Hugging Face or diffusers folder, or a PEFT adapter folder.
What is written loads as the experts did; its configuration and tokenizer are those of the first expert."""
EXAMPLES = """methods (θ_i: experts, θ_0: init, τ_i = θ_i - θ_0, λ: coefficients):
{methods}

examples:
  rsoup merge --experts A B --coefficients .3 .7 --output AB
  rsoup merge --experts A B --grid 11 --output sweep              one folder per λ
  rsoup merge --experts A B --init BASE --method ties --density .3 --coefficients .5 .5 --output AB
  rsoup merge --experts A B --coefficients 1.5 -.5 --extrapolate --output AB
  rsoup merge --experts A B --coefficients .5 .5 --groups '{{"lm_head|embed": [1, 0]}}' --output AB
"""


class HelpFormatter(DefaultHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the lines of description and examples."""


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
    overwrite: bool = False,
    **options: Any,
) -> list[Path]:
    """Merge experts on disk; what ``rsoup merge`` does.

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
    if (coefficients is None) == (grid_steps is None):
        raise ConfigError("give either --coefficients, one per expert, or --grid, how many values of λ")
    count = len(experts)
    points = grid(count, grid_steps) if grid_steps else [_checked(coefficients or [], count, extrapolate)]
    by_pattern = {name: _checked(weights, count, extrapolate) for name, weights in (groups or {}).items()}
    plan = Plan(chosen, points[0], by_pattern, torch.device(device))
    with ExitStack() as stack:
        opened = [_open(stack, path) for path in experts]
        ancestor = _open(stack, init) if init else None
        named = dict(zip(experts, opened, strict=True)) | ({str(init): ancestor} if ancestor else {})
        check_stored(named)
        check_groups(plan, list(opened[0].tensors))
        progress = stack.enter_context(_progress())
        task = progress.add_task("merging", total=len(points) * weight_bytes(opened[0]))
        written = []
        for point in points:
            target = Path(output) / label(point) if grid_steps else Path(output)
            provenance = {
                "rsoup_lightning": __version__,
                "method": method_name,
                "options": {**METHODS[method_name].options, **options},
                "coefficients": dict(zip(experts, point, strict=True)),
                "groups": {pattern: list(weights) for pattern, weights in by_pattern.items()},
                "init": init,
            }
            written.append(
                write_merged(
                    target,
                    replace(plan, coefficients=point),
                    opened,
                    ancestor,
                    provenance=provenance,
                    overwrite=overwrite,
                    advance=lambda done: progress.advance(task, done),
                )
            )
    return written


def label(point: Sequence[float]) -> str:
    """A folder's name for λ.

    >>> label((0.3, 0.7))
    '0.3-0.7'
    """
    return "-".join(f"{weight:.6g}" for weight in point)


def merge_command(arguments: list[str]) -> int:
    """``rsoup merge``."""
    config = _parser().parse_args(arguments).as_dict()
    options = {name: config.pop(name) for name in _option_names() if config.get(name) is not None}
    for name in _option_names():
        config.pop(name, None)
    written = merge(**config, **options)
    print(f"wrote {written[0]}" if len(written) == 1 else f"wrote {len(written)} merges to {written[0].parent}")
    return 0


def _parser() -> ArgumentParser:
    summaries = (f"  {name:<16} {known.summary}" for name, known in METHODS.items())
    epilog = EXAMPLES.format(methods="\n".join(summaries))
    parser = ArgumentParser(prog="rsoup merge", description=DESCRIPTION, epilog=epilog, formatter_class=HelpFormatter)
    parser.add_argument("--experts", nargs="+", type=str, required=True, help="the experts")
    parser.add_argument("--output", type=str, required=True, help="what to write: a folder, or a file of their kind")
    parser.add_argument("--coefficients", nargs="+", type=float, help="λ, one per expert, summing to 1")
    parser.add_argument(
        "--grid", dest="grid_steps", type=int, help="write a whole sweep with this many values of λ per edge"
    )
    names = Literal[tuple(METHODS)]  # type: ignore[valid-type]
    parser.add_argument("--method", dest="method_name", type=names, default="linear", help="how to merge")
    parser.add_argument("--init", type=str, help="the experts' common ancestor, for all methods but linear")
    parser.add_argument("--groups", type=dict[str, list[float]], help="λ for tensors by regular expression")
    parser.add_argument("--extrapolate", action="store_true", help="allow λ off the simplex")
    parser.add_argument("--device", type=str, default="cpu", help="where to compute")
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    parser.add_argument("--density", type=float, help="ties, dare: share of each task vector to keep")
    parser.add_argument("--seed", type=int, help="dare: of the random choice")
    parser.add_argument("--towards_init", type=float, help="liti: how far back to init, 0 to 1")
    return parser


def _option_names() -> list[str]:
    return sorted({name for known in METHODS.values() for name in known.options})


def _checked(coefficients: Sequence[float], count: int, extrapolate: bool) -> Coefficients:
    return check_coefficients(coefficients, count, extrapolate=extrapolate)


def _open(stack: ExitStack, path: str) -> StoredExpert:
    expert = open_expert(Path(path))
    stack.callback(expert.close)
    return expert


def _progress() -> Progress:
    return Progress(
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        transient=True,
    )
