"""``rsoup soup``: the whole experiment, for one seed or several."""

from __future__ import annotations

from pathlib import Path

from rsoup_lightning.commands.recipe_command import help_of_any_task, read_line
from rsoup_lightning.files import user_path
from rsoup_lightning.front.record import Record
from rsoup_lightning.report.view import cautions
from rsoup_lightning.run.console.progress import listening, on_stderr
from rsoup_lightning.run.console.quiet import quiet
from rsoup_lightning.run.console.signals import heeding_sigterm
from rsoup_lightning.run.launchers.launch import launch_of
from rsoup_lightning.run.recipes.parsing import check_seeds, parse
from rsoup_lightning.run.recipes.recipe import Recipe
from rsoup_lightning.run.recipes.recipe_parser import fine_tuner_class, recipe_parser, run_name
from rsoup_lightning.run.soup import run_soup


def soup_command(arguments: list[str]) -> int:
    """``rsoup soup``: the whole experiment, for one seed or several."""
    if hint := help_of_any_task(arguments):
        print(f"{recipe_parser(None).format_help()}\n{hint}")
        return 0
    with heeding_sigterm(), quiet(), listening(on_stderr):
        line = read_line(arguments)
        parser = recipe_parser(fine_tuner_class(line.task), line.recipes, line.task)
        config = parse(parser, line.arguments)
        run_dir = user_path(config.pop("run_dir") or f"runs/{run_name(line.task, line.recipes)}")
        seeds = check_seeds(config.pop("seeds") or [config.seed_everything])
        config.pop("config")
        launch = launch_of(config.pop("launcher"), config.pop("workers"), config.pop("slurm"))
        record = run_soup(Recipe.resolve(line.task, parser, config), run_dir, seeds, launch)
        on_stderr(_closing(run_dir, record))
    return 0


def _closing(run_dir: Path, record: Record) -> str:
    summary = record["summary"]
    volumes = "  ".join(
        f"{kind} {value:.3f}" for kind, value in summary["hypervolume_normalised"].items() if value is not None
    )
    lmc = summary["lmc"]
    lines = [
        f"normalised hypervolume: {volumes or 'none (the experts score the same)'}",
        f"LMC holds at {lmc['holds']} of {lmc['of']} interior λ (worst gap {lmc['worst_gap']:.4g})",
        *cautions(record),
        f"open {run_dir / 'report.html'}",
    ]
    return "\n".join(lines)
