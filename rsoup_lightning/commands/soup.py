"""``rsoup soup``: the whole experiment, for one seed or several."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import Namespace

from rsoup_lightning.commands.recipe_command import task_class, with_recipe_files
from rsoup_lightning.files import user_path
from rsoup_lightning.front.record import Record
from rsoup_lightning.run.parsing import check_seeds, parse
from rsoup_lightning.run.progress import listening, on_stderr
from rsoup_lightning.run.quiet import quiet
from rsoup_lightning.run.recipe import Recipe, recipe_parser
from rsoup_lightning.run.soup import run_soup


def soup_command(arguments: list[str]) -> int:
    """``rsoup soup``: the whole experiment, for one seed or several."""
    with quiet(), listening(on_stderr):
        arguments = with_recipe_files(arguments)
        task, model_class = task_class(arguments)
        parser = recipe_parser(model_class)
        config = parse(parser, arguments)
        run_dir = user_path(config.pop("run_dir") or f"runs/{_run_name(config, task)}")
        seeds = check_seeds(config.pop("seeds") or [config.seed_everything])
        config.pop("config")
        record = run_soup(Recipe.resolve(task, parser, config), run_dir, seeds)
        on_stderr(_closing(run_dir, record))
    return 0


def _run_name(config: Namespace, task: str) -> str:
    files = [Path(str(path)) for path in config.get("config") or []]
    return "-".join([task.replace(":", "."), *(file.stem for file in files)])


def _closing(run_dir: Path, record: Record) -> str:
    summary = record["summary"]
    volumes = "  ".join(
        f"{kind} {value:.3f}" for kind, value in summary["hypervolume_normalised"].items() if value is not None
    )
    lmc = summary["lmc"]
    return (
        f"normalised hypervolume: {volumes or 'none (the experts score the same)'}\n"
        f"LMC holds at {lmc['holds']} of {lmc['of']} interior λ (worst gap {lmc['worst_gap']:.4g})\n"
        f"open {run_dir / 'report.html'}"
    )
