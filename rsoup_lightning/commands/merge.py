"""``rsoup merge``: its options, and what it prints."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser, DefaultHelpFormatter
from rich.console import Console
from rich.table import Table

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.merging.adapters.write_adapter import is_adapter
from rsoup_lightning.merging.lora import LayerReport
from rsoup_lightning.merging.methods import METHODS
from rsoup_lightning.merging.on_disk import Dtype, LoRAMode, merge, merge_adapters
from rsoup_lightning.run.parsing import parse

DESCRIPTION = """Merge experts without training: their weights, interpolated.

An expert is a .safetensors file, a file of torch (.ckpt, .pt, .pth, .bin), a zip of Stable-Baselines3, a Hugging Face
or diffusers folder, or a PEFT adapter folder. Nothing is unpickled that could run code.
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


ARGUMENTS = {"method": "method_name", "grid": "grid_steps"}
"""Options that the functions call otherwise."""
PATHS = {"output", "init", "base"}
FOR_ADAPTERS = {"lora", "rank", "base"}
FOR_MODELS = {
    "method",
    "init",
    "groups",
    "device",
    "dtype",
    *(name for known in METHODS.values() for name in known.options),
}


class HelpFormatter(DefaultHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the lines of description and examples."""


def merge_command(arguments: list[str]) -> int:
    """``rsoup merge``."""
    config = parse(_parser(), arguments).as_dict()
    given = {name: value for name, value in config.items() if value is not None and value is not False}
    for name in PATHS & given.keys():
        given[name] = str(user_path(given[name]))
    given["experts"] = [str(user_path(path)) for path in given["experts"]]
    adapters = [is_adapter(Path(path)) for path in given["experts"]]
    if any(adapters) and not all(adapters):
        odd = given["experts"][adapters.index(False)]
        raise ConfigError(f"{odd} is no adapter folder, others are: fold them with --lora dense first")
    for name in sorted(given.keys() & (FOR_MODELS if all(adapters) else FOR_ADAPTERS)):
        kind = "models" if all(adapters) else "adapters"
        raise ConfigError(f"--{name} is for {kind}, and these experts are not")
    given = {ARGUMENTS.get(name, name): value for name, value in given.items()}
    if all(adapters):
        reports = merge_adapters(**given)
        written = list(reports)
        widest = max(written, key=lambda path: max((layer.gap or 0.0 for layer in reports[path]), default=0.0))
        _print_layers(widest, reports[widest])
    else:
        written = merge(**given)
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
    parser.add_argument("--experts", nargs="+", type=str, required=True, help="the experts")
    parser.add_argument("--output", type=str, required=True, help="what to write: a folder, or a file of their kind")
    parser.add_argument("--coefficients", nargs="+", type=float, help="λ, one per expert, summing to 1")
    parser.add_argument("--grid", type=int, help="write a whole sweep with this many values of λ per edge")
    names = Literal[tuple(METHODS)]  # type: ignore[valid-type]
    parser.add_argument("--method", type=names | None, help="how to merge (default: linear)")
    parser.add_argument("--init", type=str, help="the experts' common ancestor, for all methods but linear")
    parser.add_argument("--groups", type=dict[str, list[float]], help="λ for tensors by regular expression")
    parser.add_argument("--extrapolate", action="store_true", help="allow λ off the simplex")
    parser.add_argument("--device", type=str, help="where to compute (default: cpu)")
    parser.add_argument("--dtype", type=Dtype | None, help="of what is written (default: the experts')")
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    parser.add_argument("--density", type=float, help="ties, dare: share of each task vector to keep")
    parser.add_argument("--seed", type=int, help="dare: of the random choice")
    parser.add_argument("--towards_init", type=float, help="liti: how far back to init, 0 to 1")
    parser.add_argument(
        "--lora",
        type=LoRAMode | None,
        help="adapters: exact (default) averages the updates, factor averages A and B, dense folds into --base",
    )
    parser.add_argument("--rank", type=int, help="adapters: the most ranks to keep, by truncated SVD")
    parser.add_argument("--base", type=str, help="adapters: the base model's folder, for --lora dense")
    return parser
