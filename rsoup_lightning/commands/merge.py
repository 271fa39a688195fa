"""``rsoup merge``: its options, and what it prints."""

from __future__ import annotations

from argparse import SUPPRESS, RawDescriptionHelpFormatter
from collections.abc import Sequence
from functools import reduce
from inspect import signature
from operator import or_
from pathlib import Path
from typing import Any, get_type_hints

from jsonargparse import ArgumentParser, DefaultHelpFormatter
from rich.console import Console
from rich.table import Table

from rsoup_lightning.merging.lora import LayerReport
from rsoup_lightning.merging.methods import METHODS, settings
from rsoup_lightning.merging.on_disk import merge, merge_adapters, merge_models
from rsoup_lightning.run.recipes.parsing import parse

DESCRIPTION = """Merge experts without training: their weights, interpolated.

An expert is a .safetensors file, a file of torch (.ckpt, .pt, .pth, .bin), a zip of Stable-Baselines3, a Hugging Face
or diffusers folder, or a LoRA adapter of PEFT, diffusers or Kohya. Nothing is unpickled that could run code.
What is written loads as the experts did; its configuration and tokenizer are those of the first expert, with the tokens
that others add. Embeddings are matched by token; configurations that differ in what weights compute are refused."""
EXAMPLES = """methods (θ_i: experts, θ_0: init, τ_i = θ_i - θ_0, λ: coefficients):
{methods}

examples:
  rsoup merge --experts A B --coefficients .3 .7 --output AB
  rsoup merge --experts A B --grid 11 --output sweep              one folder per λ
  rsoup merge --experts A B --init BASE --method ties --density .3 --coefficients .5 .5 --output AB
  rsoup merge --experts A B --coefficients 1.5 -.5 --extrapolate --output AB
  rsoup merge --experts A B --coefficients .5 .5 --groups '{{"lm_head|embed": [1, 0]}}' --output AB
  rsoup merge --experts LORA1 LORA2 --coefficients .5 .5 --output LORA        also --lora factor, --rank 16
  rsoup merge --experts LORA1 LORA2 --coefficients .5 .5 --lora dense --base BASE --output MODEL
"""


class HelpFormatter(DefaultHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the lines of description and examples."""


def merge_command(arguments: list[str]) -> int:
    """``rsoup merge``."""
    reports = merge(**parse(_parser(), arguments, defaults=False).as_dict())
    written = list(reports)
    widest = max(written, key=lambda path: max((layer.gap or 0.0 for layer in reports[path]), default=0.0))
    _print_layers(widest, reports[widest])
    print(f"wrote {written[0]}" if len(written) == 1 else f"wrote {len(written)} merges to {written[0].parent}")
    return 0


def _print_layers(target: Path, layers: Sequence[LayerReport]) -> None:
    """A table of what merging did to each adapted module; of a sweep, where factors would have been worst."""
    table = Table("module", "rank", "gap of factor", "error of rank", title=target.name, title_justify="left")
    for layer in layers:
        gap = "none" if layer.gap is None else f"{layer.gap:.2%}"
        table.add_row(layer.module, str(layer.rank), gap, f"{layer.error:.2%}")
    if layers:
        Console().print(table)


def _parser() -> ArgumentParser:
    summaries = (f"  {name:<16} {known.summary}" for name, known in METHODS.items())
    epilog = EXAMPLES.format(methods="\n".join(summaries))
    parser = ArgumentParser(
        prog="rsoup merge",
        description=DESCRIPTION,
        epilog=epilog,
        formatter_class=HelpFormatter,
        exit_on_error=False,
    )
    parser.add_argument("--experts", nargs="+", type=str, required=True, help="where they are, at least one")
    parser.add_argument("--coefficients", nargs="+", type=float, help="λ, one per expert, summing to one")
    parser.add_argument("--extrapolate", action="store_true", help="allow λ off the simplex")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    known: set[str | int] = {"experts", "coefficients", "extrapolate", "overwrite"}
    parser.add_function_arguments(merge, as_group=False, skip=known)
    known |= {*signature(merge).parameters, "wanted"}
    for function in (merge_models, merge_adapters):
        parser.add_function_arguments(function, as_group=False, skip=known)
    for name, methods in settings().items():
        kinds = (get_type_hints(method.function).get(name, Any) for method in methods)
        said = "; ".join(
            f"{method.name}: {method.explanation(name)} (default: {method.settings[name]})" for method in methods
        )
        parser.add_argument(f"--{name}", type=reduce(or_, kinds), default=SUPPRESS, help=said)
    return parser
